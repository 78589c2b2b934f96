//! Statements in all the ways in which the driver sends them.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use futures_util::{pin_mut, StreamExt};
use tokio_postgres::types::{ToSql, Type};

use crate::client::{config, value, Client, Outcome, Session};

pub async fn types(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let table = client.name("types");
    db.batch_execute(&format!(
        "drop table if exists {table}; create table {table} (k int, b bool, i2 int2, i8 int8, \
         f4 float4, f8 float8, n numeric, t text, c char(5), y bytea, tz timestamptz, \
         ts timestamp, ai int[], at text[], u uuid, j json, jb jsonb, iv interval, r int4range, \
         ip inet, h \"char\", o oid)"
    ))
    .await?;
    let insert = db
        .prepare(&format!(
            "insert into {table} values ($1, $2, $3, $4, $5, $6, $7::text::numeric, $8, $9, $10, \
             $11, $12, $13, $14, $15::text::uuid, $16::text::json, $17::text::jsonb, \
             $18::text::interval, $19::text::int4range, $20::text::inet, $21, $22)"
        ))
        .await?;
    let names: Vec<&str> = insert.params().iter().map(Type::name).collect();
    client.line(format!("parameters {names:?}"));
    let day = SystemTime::UNIX_EPOCH + Duration::from_micros(1_717_200_000_123_456);
    for k in 0..4i32 {
        let parameters: [&(dyn ToSql + Sync); 22] = [
            &k,
            &(k % 2 == 0),
            &(-k as i16),
            &(i64::MIN + i64::from(k)),
            &(k as f32 / 3.0),
            &(f64::from(k) / 3.0),
            &format!("1234567890{k}.0123456789"),
            &format!("é'\"\\ ☃ 𝄞 \n{k}"),
            &format!("a{k}"),
            &vec![0u8, 1, 255, k as u8, b'\\', b'\''],
            &day,
            &day,
            &vec![Some(1), None, Some(k)],
            &vec![Some("a,b"), Some("\""), None, Some("")],
            &"00000000-0000-0001-0000-00000000002a",
            &"{\"a\": [1, 2, null]}",
            &"{\"b\": {\"c\": \"é\"}}",
            &"3 days 04:05:06",
            &"[1,5)",
            &"10.0.0.1/24",
            &(k as i8),
            &(k as u32),
        ];
        client.line(format!("inserted {}", db.execute(&insert, &parameters).await?));
    }
    let nothing: Option<&str> = None;
    let mut sql = format!("insert into {table} (k, n, t, j) values (9, $1::text::numeric, $2, ");
    sql += "$3::text::json)";
    db.execute(&sql, &[&nothing, &nothing, &nothing]).await?;
    let select = db.prepare(&format!("select * from {table} where k = $1")).await?;
    for k in [0, 1, 2, 3, 9] {
        client.rows(&db.query(&select, &[&k]).await?)?;
    }
    let sql = format!("select * from {table} order by k");
    client.replies(&db.simple_query(&sql).await?);
    client.keep(session)
}

pub async fn prepared(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let table = client.name("prepared");
    db.batch_execute(&format!(
        "drop table if exists {table}; create table {table} (id int primary key, v text)"
    ))
    .await?;
    let insert = db.prepare(&format!("insert into {table} values ($1, $2)")).await?;
    let select = db.prepare(&format!("select v, id from {table} where id = $1")).await?;
    let same = db.prepare(&format!("select v, id from {table} where id = $1")).await?;
    let typed = db.prepare_typed("select $1, pg_typeof($1)::text", &[Type::INT8]).await?;
    for i in 0..12 {
        db.execute(&insert, &[&i, &format!("value {i}")]).await?;
        client.rows(&db.query(&select, &[&i]).await?)?;
        client.rows(&db.query(&same, &[&i]).await?)?;
        client.rows(&db.query(&typed, &[&i64::from(i)]).await?)?;
        let again = format!("again {i}");
        client.fails(&again, db.execute(&insert, &[&i, &"x"])).await?;
    }
    client.fails("prepare", db.prepare("select * from no_such_table")).await?;
    client.fails("types", db.prepare_typed("select $1 + $2", &[Type::TEXT])).await?;
    client.fails("two", db.prepare("select 1; select 2")).await?;
    client.keep(session)
}

/// A dropped statement is closed at the server.
pub async fn dropped(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let mut sum = 0i64;
    for turn in 0..2 {
        for i in 0..60i32 {
            let statement = db.prepare(&format!("select $1::int + {i} as n{i}")).await?;
            sum += i64::from(db.query_one(&statement, &[&turn]).await?.get::<_, i32>(0));
            if i % 10 == 0 {
                client.fails("count", db.query_one("select 1 where false", &[])).await?;
            }
        }
    }
    client.line(format!("sum {sum}"));
    client.keep(session)
}

/// One round trip, without a name.
pub async fn typed(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    for i in 0..6 {
        let sql = "select $1::int * 2 as n, $2 as t";
        let rows = db.query_typed(sql, &[(&i, Type::INT4), (&"x", Type::TEXT)]).await?;
        client.rows(&rows)?;
        let by_zero = db.query_typed("select 1 / $1", &[(&0i32, Type::INT4)]);
        client.fails("division", by_zero).await?;
    }
    let counted = db.execute_typed("select generate_series(1, $1)", &[(&5i32, Type::INT4)]).await?;
    client.line(format!("counted {counted}"));
    client.keep(session)
}

/// Types that the driver has to look up, by prepared statements of its own.
pub async fn own_types(client: &mut Client) -> Outcome {
    let session = Session::open(&config()).await?;
    let db = &session.client;
    let (mood, pair, small) = (client.name("mood"), client.name("pair"), client.name("small"));
    db.batch_execute(&format!(
        "drop type if exists {pair}; drop type if exists {mood}; drop domain if exists {small}; \
         create type {mood} as enum ('sad', 'ok', 'happy'); \
         create domain {small} as int check (value < 10); \
         create type {pair} as (m {mood}, s {small}, a {mood}[])"
    ))
    .await?;
    let select = db
        .prepare(&format!(
            "select $1::text::{mood} as m, $2::text::{small} as s, \
             row('ok', 3, '{{sad,happy}}')::{pair} as p, array['ok']::{mood}[] as a"
        ))
        .await?;
    for column in select.columns() {
        let kind = format!("{:?}", column.type_().kind());
        let kind: String = kind.split("oid: ").next().unwrap_or("").to_string();
        client.line(format!("{} {} {kind}", column.name(), column.type_().name()));
    }
    for value in ["sad", "happy"] {
        let row = db.query_one(&select, &[&value, &"7"]).await?;
        let small: &str = value;
        client.line(format!("{small} {}", row.len()));
    }
    client.fails("enum", db.query_one(&select, &[&"angry", &"7"])).await?;
    client.fails("domain", db.query_one(&select, &[&"sad", &"77"])).await?;
    Ok(())
}

pub async fn pipeline(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let statement = db.prepare("select $1::int as n").await?;
    let queries = (0..40i32).map(|i| {
        let statement = &statement;
        async move {
            match i % 4 {
                0 => db.query_one(statement, &[&i]).await.map(|row| row.get::<_, i32>(0)),
                1 => db.query_one("select $1::int", &[&i]).await.map(|row| row.get(0)),
                2 => db
                    .query_typed_one("select $1", &[(&i, Type::INT4)])
                    .await
                    .map(|row| row.get(0)),
                _ => value(db, &format!("select {i}"))
                    .await
                    .map(|text| text.parse().unwrap_or(-1)),
            }
        }
    });
    let mut all = Vec::new();
    for result in join_all(queries).await {
        all.push(result?);
    }
    client.line(format!("{all:?}"));
    client.keep(session)
}

pub async fn pipelined_errors(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let divide = db.prepare("select 12 / $1::int as q").await?;
    let queries = (0..20i32).map(|i| {
        let divide = &divide;
        async move {
            match i % 5 {
                1 => db.batch_execute("selec").await.map(|()| 0),
                2 => db.prepare("select no_such_column").await.map(|_| 0),
                3 => value(db, "select 'x'::int").await.map(|_| 0),
                _ => db.query_one(divide, &[&(i % 3)]).await.map(|row| row.get::<_, i32>(0)),
            }
        }
    });
    for (i, result) in join_all(queries).await.iter().enumerate() {
        match result {
            Ok(number) => client.line(format!("{i} {number}")),
            Err(error) => client.error(&i.to_string(), error),
        }
    }
    client.keep(session)
}

/// A whole transaction on its way before the first answer is read.
pub async fn pipelined_transaction(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let table = client.name("piped");
    db.batch_execute(&format!("drop table if exists {table}; create table {table} (a int)"))
        .await?;
    let insert = db.prepare(&format!("insert into {table} values ($1)")).await?;
    let shown = db.prepare("select current_setting('work_mem')").await?;
    let divide = db.prepare("select 1 / $1::int").await?;
    for ending in ["commit", "rollback"] {
        let (begun, one, two, set, three, ended, after) = tokio::join!(
            db.batch_execute("begin"),
            db.execute(&insert, &[&1i32]),
            db.execute(&insert, &[&2i32]),
            db.batch_execute("set local work_mem = '2MB'"),
            db.query_one(&shown, &[]),
            db.batch_execute(ending),
            db.query_one(&shown, &[]),
        );
        begun?;
        set?;
        ended?;
        client.line(format!("{} {}", one?, two?));
        client.rows(&[three?, after?])?;
    }
    let (begun, wrong, skipped, ended) = tokio::join!(
        db.batch_execute("begin"),
        db.query_one(&divide, &[&0i32]),
        db.execute(&insert, &[&3i32]),
        db.batch_execute("commit"),
    );
    begun?;
    ended?;
    client.fails("wrong", async { wrong }).await?;
    client.fails("skipped", async { skipped }).await?;
    client.line(value(db, &format!("select array_agg(a) from {table}")).await?);
    client.keep(session)
}

pub async fn unread_rows(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let statement = db.prepare("select generate_series(1, $1::int) as n").await?;
    for count in [10i32, 3000, 3000] {
        let stream = db.query_raw(&statement, [&count]).await?;
        pin_mut!(stream);
        let mut sum = 0;
        for _ in 0..5 {
            if let Some(row) = stream.next().await {
                sum += row?.get::<_, i32>(0);
            }
        }
        client.line(format!("sum {sum}"));
    }
    client.line(value(db, "select 'alive'").await?);
    client.keep(session)
}

pub async fn simple(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let table = client.name("simple");
    for _ in 0..3 {
        let sql = format!(
            "drop table if exists {table}; create table {table} (a int); insert into {table} \
             values (1), (2); select a, a * 2 as b from {table} order by a; select; ; update \
             {table} set a = a + 1; select null as n, '' as e"
        );
        client.replies(&db.simple_query(&sql).await?);
    }
    let insert = format!("insert into {table} values");
    let sql = format!("{insert} (10); select 1/0; {insert} (11)");
    client.fails("in the middle", db.simple_query(&sql)).await?;
    client.replies(&db.simple_query(&format!("select a from {table} order by a")).await?);
    client.replies(&db.simple_query("").await?);
    client.replies(&db.simple_query(" ; -- nothing").await?);
    client.keep(session)
}

/// Another connection alters the table. Where the result keeps its shape, nothing is seen.
pub async fn ddl_by_another(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let other = Session::open(&config()).await?;
    let table = client.name("ddl");
    db.batch_execute(&format!(
        "drop table if exists {table}; create table {table} (a int, b text); \
         insert into {table} values (1, 'x')"
    ))
    .await?;
    let select = db.prepare(&format!("select a, b from {table} where a > $1")).await?;
    let insert = db.prepare(&format!("insert into {table} (a, b) values ($1, 'new')")).await?;
    for change in [
        format!("create index on {table} (a)"),
        format!("alter table {table} add column c int"),
        format!("drop table {table}; create table {table} (a int, b text)"),
        format!("alter table {table} drop column b; alter table {table} add column b text"),
    ] {
        for i in 0..3i32 {
            db.execute(&insert, &[&i]).await?;
            client.rows(&db.query(&select, &[&0i32]).await?)?;
        }
        other.client.batch_execute(&change).await?;
        client.rows(&db.query(&select, &[&0i32]).await?)?;
    }
    other.client.batch_execute(&format!("drop table {table}")).await?;
    client.fails("no table", db.query(&select, &[&0i32])).await?;
    client.keep(session)
}

/// The result's type changes under a statement that the driver has described: Postgres answers
/// 0A000. The pooler may have prepared it anew and answer the new rows; with the old types they
/// must not be read. Both are right, a wrong value is not.
pub async fn result_changed(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let other = Session::open(&config()).await?;
    let table = client.name("changed");
    db.batch_execute(&format!(
        "drop table if exists {table}; create table {table} as select 3 as a"
    ))
    .await?;
    let select = db.prepare(&format!("select a from {table}")).await?;
    for _ in 0..4 {
        client.rows(&db.query(&select, &[]).await?)?;
    }
    let sql = format!("alter table {table} alter column a type float4");
    other.client.batch_execute(&sql).await?;
    for _ in 0..4 {
        let answer = match db.query_one(&select, &[]).await {
            Ok(row) => row.try_get::<_, i32>(0).map_or("another type".into(), |a| a.to_string()),
            Err(error) => error.code().map_or("no code", |code| code.code()).to_string(),
        };
        let right = ["0A000", "3"].contains(&answer.as_str());
        client.line(format!("0A000 or the value: {}", if right { "yes" } else { &answer }));
    }
    client.rows(&db.query(&format!("select a from {table} where true"), &[]).await?)?;
    client.keep(session)
}
