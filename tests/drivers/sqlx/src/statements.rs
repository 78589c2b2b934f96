//! Statements in all the ways in which the driver sends them, and COPY.

use futures_util::TryStreamExt;
use sqlx::types::chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use sqlx::types::{Decimal, Json};
use sqlx::{
    AssertSqlSafe, Column, Connection, Either, Executor, PgConnection, Row, SqlSafeStr, Statement,
    TypeInfo,
};

use crate::client::{options, run, sql, Client, Outcome};

pub async fn types(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    let table = client.name("types");
    let fresh = format!(
        "drop table if exists {table}; create table {table} (k int, b bool, i8 int8, f float8, \
         n numeric, t text, d date, ts timestamp, tz timestamptz, jb jsonb, y bytea, ai int[], \
         at text[])"
    );
    run(&mut db, fresh).await?;
    let stamp = NaiveDateTime::parse_from_str("2024-03-31 02:30:00.123456", "%F %T%.f")?;
    for k in 0..4i32 {
        let result = sqlx::query(sql(format!(
            "insert into {table} values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        )))
        .bind(k)
        .bind(k % 2 == 0)
        .bind(i64::MIN + i64::from(k))
        .bind(f64::from(k) / 3.0)
        .bind("1234567890123456.789".parse::<Decimal>()? + Decimal::from(k))
        .bind(format!("é'\"\\ ☃ 𝄞 \n{k}"))
        .bind(NaiveDate::from_ymd_opt(2024, 2, 29))
        .bind(stamp)
        .bind(DateTime::<Utc>::from_naive_utc_and_offset(stamp, Utc))
        .bind((k != 2).then(|| Json(vec![Some("a"), None, Some("é")])))
        .bind(vec![0u8, 1, 255, k as u8])
        .bind(vec![Some(1), None, Some(k)])
        .bind(vec!["a,b", "\"", ""])
        .execute(&mut db)
        .await?;
        client.line(format!("inserted {}", result.rows_affected()));
    }
    let select = format!("select * from {table} where k = $1");
    for k in 0..4i32 {
        let row = sqlx::query(sql(&select)).bind(k).fetch_one(&mut db).await?;
        client.line(format!(
            "{:?} {:?} {:?} {:?} {:?}",
            row.try_get::<Decimal, _>("n")?,
            row.try_get::<DateTime<Utc>, _>("tz")?,
            row.try_get::<Option<Json<Vec<Option<String>>>>, _>("jb")?,
            row.try_get::<Vec<Option<i32>>, _>("ai")?,
            row.try_get::<Vec<String>, _>("at")?
        ));
        client.rows(&[row])?;
    }
    let rows = sqlx::raw_sql(sql(format!("select * from {table} order by k"))).fetch_all(&mut db);
    client.rows(&rows.await?)?;
    client.keep(db)
}

pub async fn prepared(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    let table = client.name("prepared");
    let fresh = format!(
        "drop table if exists {table}; create table {table} (id int primary key, v text)"
    );
    run(&mut db, fresh).await?;
    let insert = format!("insert into {table} values ($1, $2)");
    let select = format!("select v, id from {table} where id = $1");
    for i in 0..12i32 {
        sqlx::query(sql(&insert)).bind(i).bind(format!("value {i}")).execute(&mut db).await?;
        let row = sqlx::query(sql(&select)).bind(i).fetch_one(&mut db).await?;
        client.rows(&[row])?;
        let again = sqlx::query(sql(&insert)).bind(i).bind("x");
        client.fails("again", again.execute(&mut db)).await?;
        if i == 6 {
            client.line(format!("cached {}", db.cached_statements_size() > 1));
            db.clear_cached_statements().await?;
        }
    }
    client.keep(db)
}

/// Without a name at the server.
pub async fn not_kept(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    for i in 0..6i32 {
        let query = sqlx::query("select $1 * 2 as n, $2 as t").bind(i).bind("x");
        client.rows(&query.persistent(false).fetch_all(&mut db).await?)?;
        let wrong = sqlx::query("select 1 / $1").bind(0i32).persistent(false);
        client.fails("division", wrong.fetch_all(&mut db)).await?;
    }
    client.keep(db)
}

/// More than the driver keeps: it closes the oldest at the server.
pub async fn many(client: &mut Client) -> Outcome {
    let mut db = PgConnection::connect_with(&options().statement_cache_capacity(20)).await?;
    let mut sum = 0i64;
    for turn in 0..2i32 {
        for i in 0..60i32 {
            let text = sql(format!("select $1 + {i} as n{i}"));
            let query = sqlx::query_scalar::<_, i32>(text).bind(turn);
            sum += i64::from(query.fetch_one(&mut db).await?);
        }
    }
    client.line(format!("sum {sum} cached {}", db.cached_statements_size()));
    let mut none = PgConnection::connect_with(&options().statement_cache_capacity(0)).await?;
    for i in 0..6i32 {
        let row = sqlx::query("select $1 as n").bind(i).fetch_one(&mut none).await?;
        client.rows(&[row])?;
    }
    Ok(())
}

pub async fn described(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    let text = AssertSqlSafe("select $1::int as a, $2::text as b, now() as c".to_string());
    let statement = (&mut db).prepare(text.into_sql_str()).await?;
    for column in statement.columns() {
        client.line(format!("{} {}", column.name(), column.type_info().name()));
    }
    if let Some(Either::Left(parameters)) = statement.parameters() {
        let names: Vec<&str> = parameters.iter().map(TypeInfo::name).collect();
        client.line(format!("{names:?}"));
    }
    for i in 0..3i32 {
        let row = statement.query().bind(i).bind("é").fetch_one(&mut db).await?;
        client.line(format!("{} {}", row.try_get::<i32, _>(0)?, row.try_get::<&str, _>(1)?));
    }
    client.keep(db)
}

pub async fn raw(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    let table = client.name("raw");
    for _ in 0..3 {
        let text = format!(
            "drop table if exists {table}; create table {table} (a int); insert into {table} \
             values (1), (2); select a, a * 2 as b from {table} order by a; select; update \
             {table} set a = a + 1; select null as n, '' as e"
        );
        let mut results = sqlx::raw_sql(sql(text)).fetch_many(&mut db);
        while let Some(result) = results.try_next().await? {
            match result {
                Either::Left(done) => client.line(format!("done {}", done.rows_affected())),
                Either::Right(row) => client.rows(&[row])?,
            }
        }
    }
    let text = format!("insert into {table} values (10); select 1/0; select 3");
    client.fails("in the middle", run(&mut db, text)).await?;
    client.query(&mut db, &format!("select a from {table} order by a")).await?;
    client.line(format!("empty {}", run(&mut db, "").await?));
    client.keep(db)
}

/// Streams that are dropped before their end: the driver reads the rest before the next query.
pub async fn rows_left(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    for count in [10i32, 3000, 3000] {
        let mut sum = 0;
        {
            let mut rows = sqlx::query_scalar::<_, i32>("select generate_series(1, $1)")
                .bind(count)
                .fetch(&mut db);
            for _ in 0..5 {
                sum += rows.try_next().await?.unwrap_or(0);
            }
        }
        client.line(format!("sum {sum}"));
        let first: Option<i32> = sqlx::query_scalar("select generate_series(5, $1)")
            .bind(count)
            .fetch_optional(&mut db)
            .await?;
        client.line(format!("first {first:?}"));
    }
    let all: Vec<i32> =
        sqlx::query_scalar("select generate_series(1, 5000)").fetch_all(&mut db).await?;
    client.line(format!("all {} {}", all.len(), all.iter().sum::<i32>()));
    client.keep(db)
}

pub async fn large_values(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    let text = "0123456789abcdef".repeat(65_536);
    let bytes: Vec<u8> = (0..300_000u32).map(|i| (i * 31) as u8).collect();
    for _ in 0..3 {
        let row = sqlx::query("select length($1), md5($1), length($2), md5($2), $1, $2")
            .bind(&text)
            .bind(&bytes)
            .fetch_one(&mut db)
            .await?;
        client.line(format!(
            "{} {} {} {} {} {}",
            row.try_get::<i32, _>(0)?,
            row.try_get::<&str, _>(1)?,
            row.try_get::<i32, _>(2)?,
            row.try_get::<&str, _>(3)?,
            row.try_get::<&str, _>(4)? == text,
            row.try_get::<&[u8], _>(5)? == bytes
        ));
    }
    client.keep(db)
}

/// Another connection alters the table. Where the result keeps its shape, nothing is seen.
pub async fn ddl_by_another(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    let mut other = PgConnection::connect_with(&options()).await?;
    let table = client.name("ddl");
    let fresh = format!(
        "drop table if exists {table}; create table {table} (a int, b text); \
         insert into {table} values (1, 'x')"
    );
    run(&mut db, fresh).await?;
    let select = format!("select a, b from {table} where a > $1");
    for change in [
        format!("create index on {table} (a)"),
        format!("alter table {table} add column c int"),
        format!("drop table {table}; create table {table} (a int, b text)"),
        format!("alter table {table} drop column b; alter table {table} add column b text"),
    ] {
        for _ in 0..3 {
            client.rows(&sqlx::query(sql(&select)).bind(0i32).fetch_all(&mut db).await?)?;
        }
        run(&mut other, change).await?;
        client.rows(&sqlx::query(sql(&select)).bind(0i32).fetch_all(&mut db).await?)?;
    }
    run(&mut other, format!("drop table {table}")).await?;
    let gone = sqlx::query(sql(&select)).bind(0i32);
    client.fails("no table", gone.fetch_all(&mut db)).await?;
    client.keep(db)
}

pub async fn copy(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    let table = client.name("copied");
    run(
        &mut db,
        format!("drop table if exists {table}; create table {table} (id int, v text)"),
    )
    .await?;
    for turn in 0..3 {
        let mut transaction = db.begin().await?;
        let text = format!("copy {table} from stdin (format csv)");
        let mut copy = transaction.copy_in_raw(&text).await?;
        for i in 0..2000 {
            copy.send(format!("{i},\"row {i} é ☃\"\n").into_bytes()).await?;
        }
        client.line(format!("in {}", copy.finish().await?));
        if turn == 1 {
            transaction.rollback().await?;
        } else {
            transaction.commit().await?;
        }
    }
    let text = format!("copy (select * from {table} order by id) to stdout");
    let mut length = 0;
    let mut count = 0;
    {
        let mut out = db.copy_out_raw(&text).await?;
        while let Some(chunk) = out.try_next().await? {
            length += chunk.len();
            count += 1;
        }
    }
    client.line(format!("out {count} {length}"));
    client.query(&mut db, &format!("select count(*), count(v) from {table}")).await?;
    client.keep(db)
}

pub async fn copy_failed(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    let table = client.name("copied");
    let text = format!("copy {table} from stdin");
    let count = format!("select count(*) from {table}");
    let mut copy = db.copy_in_raw(&text).await?;
    copy.send(&b"1\ta\nx\tb\n"[..]).await?;
    client.fails("a wrong row", copy.finish()).await?;
    client.query(&mut db, &count).await?;
    let mut copy = db.copy_in_raw(&text).await?;
    copy.send(&b"9000\tnever\n"[..]).await?;
    copy.abort("enough, O'Reilly").await?;
    client.query(&mut db, &count).await?;
    // On a connection of its own: the driver tells it with the next statement and is out of step
    // with what comes later, on Postgres too.
    let mut lost = PgConnection::connect_with(&options()).await?;
    let mut copy = lost.copy_in_raw(&text).await?;
    copy.send(&b"9000\tnever\n"[..]).await?;
    drop(copy);
    let next = sqlx::query(sql(&count));
    client.fails("dropped", next.fetch_all(&mut lost)).await?;
    drop(lost);
    client.query(&mut db, &count).await?;
    client.fails("no table", db.copy_in_raw("copy no_such_table from stdin")).await?;
    let late = "copy (select 10 / (500 - n) from generate_series(1, 1000) n) to stdout";
    let out = db.copy_out_raw(late).await?;
    client.fails("fails late", out.try_collect::<Vec<_>>()).await?;
    client.query(&mut db, &count).await?;
    client.keep(db)
}
