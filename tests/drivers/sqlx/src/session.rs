//! Logging in, errors, transactions, and settings: what has to follow the client everywhere.

use sqlx::{Connection, PgConnection};

use crate::client::{options, run, sql, value, Client, Outcome};

const NAMES: [&str; 7] = [
    "statement_timeout",
    "search_path",
    "TimeZone",
    "work_mem",
    "application_name",
    "role",
    "extra_float_digits",
];

async fn show(client: &mut Client, db: &mut PgConnection, when: &str) -> Outcome {
    let mut line = when.to_string();
    for name in NAMES {
        line += " | ";
        line += &value(db, &format!("show {name}")).await?;
    }
    client.line(line);
    Ok(())
}

pub async fn connect(client: &mut Client) -> Outcome {
    for i in 0..5i32 {
        let mut db = PgConnection::connect_with(&options()).await?;
        let rows = sqlx::query("select $1 + 40 as n").bind(i).fetch_all(&mut db).await?;
        client.rows(&rows)?;
        db.ping().await?;
        show(client, &mut db, "new").await?;
        client.line(format!("{:?}", db.server_version_num()));
        if i % 2 == 0 {
            db.close().await?;
        }
    }
    Ok(())
}

pub async fn startup(client: &mut Client) -> Outcome {
    let schema = client.name("startup");
    let own = options()
        .application_name(&format!("O'Reilly \"{schema}\" \\"))
        .extra_float_digits(0)
        .options([("search_path", format!("{schema}, public")), ("work_mem", "3MB".to_string())])
        .options([("statement_timeout", "12s"), ("my.own", "a b\\c")]);
    let mut db = PgConnection::connect_with(&own).await?;
    for _ in 0..3 {
        show(client, &mut db, "start").await?;
        client.line(value(&mut db, "show my.own").await?);
    }
    client.query(&mut db, "select (0.1::float8 + 0.2::float8)::text as f").await?;
    run(&mut db, "set statement_timeout = '3s'; set work_mem = '5MB'").await?;
    show(client, &mut db, "set").await?;
    run(&mut db, "reset all").await?;
    show(client, &mut db, "reset").await?;
    for (name, text) in [("no_such_parameter", "1"), ("statement_timeout", "never")] {
        let wrong = options().options([(name, text)]);
        client.fails(name, PgConnection::connect_with(&wrong)).await?;
    }
    Ok(())
}

pub async fn errors(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    let table = client.name("errors");
    run(
        &mut db,
        format!(
            "drop table if exists {table}; create table {table} (id int primary key, v text not \
             null, n int check (n > 0)); insert into {table} values (1, 'one', 1)"
        ),
    )
    .await?;
    let wrong = [
        format!("insert into {table} values (1, 'again', 1)"),
        format!("insert into {table} values (2, null, 1)"),
        format!("insert into {table} values (2, 'two', -1)"),
        "selec 1".to_string(),
        "select 1 / 0".to_string(),
        "select * from no_such_table".to_string(),
        "select no_such_function(1)".to_string(),
        "select 'x'::int".to_string(),
        "select 1; select 2".to_string(),
    ];
    for text in &wrong {
        client.fails(text, sqlx::query(sql(text)).fetch_all(&mut db)).await?;
        if !text.contains("; ") {
            client.fails(text, run(&mut db, text)).await?;
        }
        client.query(&mut db, &format!("select count(*) from {table}")).await?;
    }
    for i in 0..4i32 {
        for divisor in [0, i + 1] {
            let query = sqlx::query("select 10 / $1 as q").bind(divisor);
            if divisor == 0 {
                client.fails("divide", query.fetch_all(&mut db)).await?;
            } else {
                client.rows(&query.fetch_all(&mut db).await?)?;
            }
        }
    }
    client.keep(db)
}

async fn all(db: &mut PgConnection, table: &str) -> Result<String, sqlx::Error> {
    value(db, &format!("select array_agg(a order by a)::text from {table}")).await
}

pub async fn transactions(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    let table = client.name("tx");
    let fresh = format!("drop table if exists {table}; create table {table} (a int primary key)");
    run(&mut db, fresh).await?;
    let insert = format!("insert into {table} values ($1)");
    for i in 0..6i32 {
        let mut transaction = db.begin().await?;
        sqlx::query(sql(&insert)).bind(i).execute(&mut *transaction).await?;
        match i % 3 {
            0 => transaction.commit().await?,
            1 => transaction.rollback().await?,
            _ => drop(transaction), // rolls back, in front of the next statement
        }
        client.line(all(&mut db, &table).await?);
    }
    let mut outer = db.begin().await?;
    sqlx::query(sql(&insert)).bind(10).execute(&mut *outer).await?;
    let mut inner = outer.begin().await?;
    sqlx::query(sql(&insert)).bind(11).execute(&mut *inner).await?;
    let again = sqlx::query(sql(&insert)).bind(10);
    client.fails("duplicate", again.execute(&mut *inner)).await?;
    client.fails("aborted", value(&mut inner, "select 'x'")).await?;
    inner.rollback().await?;
    let mut inner = outer.begin().await?;
    sqlx::query(sql(&insert)).bind(12).execute(&mut *inner).await?;
    inner.commit().await?;
    drop(outer.begin().await?);
    client.line(all(&mut outer, &table).await?);
    outer.commit().await?;
    client.line(all(&mut db, &table).await?);
    let mut special = db.begin_with("begin isolation level serializable read only").await?;
    let level = "select current_setting('transaction_isolation')";
    client.line(value(&mut special, level).await?);
    client.fails("read only", run(&mut special, "create table never (a int)")).await?;
    special.rollback().await?;
    client.line(value(&mut db, level).await?);
    client.keep(db)
}

pub async fn settings(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    let own = 1000 + client.number;
    show(client, &mut db, "before").await?;
    sqlx::query(sql(format!("set statement_timeout = {own}"))).execute(&mut db).await?;
    run(&mut db, format!("set search_path to s{own}, public, \"Odd, 'name'\"")).await?;
    sqlx::query("set time zone 'Europe/Oslo'").execute(&mut db).await?;
    run(&mut db, "set application_name = 'O''Reilly\\'; set extra_float_digits = -3").await?;
    show(client, &mut db, "set").await?;
    for i in 0..4 {
        for (size, local) in [(format!("{}kB", own + i), false), ("999kB".to_string(), true)] {
            let query = sqlx::query("select set_config($1, $2, $3)").bind("work_mem");
            client.rows(&query.bind(size).bind(local).fetch_all(&mut db).await?)?;
            show(client, &mut db, "config").await?;
        }
    }
    let mut transaction = db.begin().await?;
    run(&mut transaction, "set local statement_timeout = '77s'").await?;
    sqlx::query("set TimeZone = 'Asia/Tokyo'").execute(&mut *transaction).await?;
    show(client, &mut transaction, "in").await?;
    transaction.commit().await?;
    show(client, &mut db, "committed").await?;
    for name in NAMES {
        sqlx::query(sql(format!("reset {name}"))).execute(&mut db).await?;
        show(client, &mut db, &format!("reset {name}")).await?;
    }
    client.fails("value", run(&mut db, "set work_mem = 'much'")).await?;
    let unknown = sqlx::query("set no_such_name = 1");
    client.fails("name", unknown.execute(&mut db)).await?;
    client.keep(db)
}

pub async fn settings_undone(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    run(&mut db, "set statement_timeout = '50s'").await?;
    let mut transaction = db.begin().await?;
    run(&mut transaction, "set statement_timeout = '51s'; set work_mem = '1MB'").await?;
    transaction.rollback().await?;
    show(client, &mut db, "rolled back").await?;
    let mut transaction = db.begin().await?;
    run(&mut transaction, "set statement_timeout = '52s'").await?;
    let mut inner = transaction.begin().await?;
    run(&mut inner, "set statement_timeout = '53s'; set search_path = nowhere").await?;
    show(client, &mut inner, "inner").await?;
    drop(inner);
    show(client, &mut transaction, "to the savepoint").await?;
    run(&mut transaction, "set local work_mem = '2MB'; reset statement_timeout").await?;
    transaction.commit().await?;
    show(client, &mut db, "committed").await?;
    client.fails("several", run(&mut db, "set work_mem = '7MB'; select 1/0")).await?;
    show(client, &mut db, "several").await?;
    run(&mut db, "set work_mem = '8MB'; set search_path = s8; select 1").await?;
    show(client, &mut db, "several went well").await?;
    run(&mut db, "reset all").await?;
    show(client, &mut db, "reset").await?;
    client.keep(db)
}
