//! Logging in, transactions, and settings: what has to follow the client everywhere.

use tokio_postgres::IsolationLevel;

use crate::client::{config, user, value, Client, Outcome, Session};

const NAMES: [&str; 6] =
    ["statement_timeout", "search_path", "TimeZone", "work_mem", "application_name", "role"];

pub async fn connect(client: &mut Client) -> Outcome {
    for i in 0..5 {
        let session = Session::open(&config()).await?;
        let row = session.client.query_one("select $1::int + 40", &[&i]).await?;
        client.rows(&[row])?;
        for parameter in &session.parameters {
            client.line(format!("  {parameter}"));
        }
    }
    let mut only = config();
    only.target_session_attrs(tokio_postgres::config::TargetSessionAttrs::ReadWrite);
    let session = Session::open(&only).await?;
    session.client.check_connection().await?;
    client.line(value(&session.client, "select 'to be written to'").await?);
    Ok(())
}

pub async fn startup(client: &mut Client) -> Outcome {
    let schema = client.name("startup");
    let mut own = config();
    own.application_name(format!("O'Reilly \"{schema}\" \\")).options(format!(
        "-c statement_timeout=12s -c search_path={schema},public --work_mem=3MB \
         -c my.own=a\\ b\\\\c"
    ));
    let session = Session::open(&own).await?;
    for parameter in &session.parameters {
        client.line(format!("  {parameter}"));
    }
    for _ in 0..3 {
        show(client, &session.client, "start").await?;
        client.line(value(&session.client, "show my.own").await?);
    }
    session.client.batch_execute("set statement_timeout = '3s'; set work_mem = '5MB'").await?;
    show(client, &session.client, "set").await?;
    session.client.batch_execute("reset all").await?;
    show(client, &session.client, "reset").await?;
    Ok(())
}

pub async fn refused(client: &mut Client) -> Outcome {
    for options in ["-c no_such_parameter=1", "-c statement_timeout=never", "nonsense"] {
        let mut wrong = config();
        wrong.options(options);
        client.fails(options, Session::open(&wrong)).await?;
    }
    Ok(())
}

pub async fn errors(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let table = client.name("errors");
    db.batch_execute(&format!(
        "drop table if exists {table}; create table {table} (id int primary key, v text not null, \
         n int check (n > 0)); insert into {table} values (1, 'one', 1)"
    ))
    .await?;
    let wrong = [
        format!("insert into {table} values (1, 'again', 1)"),
        format!("insert into {table} values (2, null, 1)"),
        format!("insert into {table} values (2, 'two', -1)"),
        "selec 1".to_string(),
        "select 1 / 0".to_string(),
        "select * from no_such_table".to_string(),
        format!("select no_such_column from {table}"),
        "select no_such_function(1)".to_string(),
        "select 'x'::int".to_string(),
        "do $$ begin raise exception 'custom %', 7 using errcode = 'PL777', hint = 'try'; end $$"
            .to_string(),
    ];
    for sql in &wrong {
        client.fails(sql, db.execute(sql.as_str(), &[])).await?;
        client.fails(sql, db.simple_query(sql)).await?;
        client.fails(sql, db.query_typed(sql, &[])).await?;
        client.line(value(db, &format!("select count(*) from {table}")).await?);
    }
    let divide = db.prepare("select 10 / $1::int as q").await?;
    for i in 0..4 {
        client.fails("divide", db.query(&divide, &[&0i32])).await?;
        client.rows(&db.query(&divide, &[&(i + 1)]).await?)?;
    }
    client.fails("too few", db.simple_query("select $1")).await?;
    client.keep(session)
}

async fn all(db: &tokio_postgres::Client, table: &str) -> Result<String, tokio_postgres::Error> {
    value(db, &format!("select array_agg(a order by a) from {table}")).await
}

async fn fresh(db: &tokio_postgres::Client, table: &str) -> Result<(), tokio_postgres::Error> {
    let sql = format!("drop table if exists {table}; create table {table} (a int primary key)");
    db.batch_execute(&sql).await
}

pub async fn transactions(client: &mut Client) -> Outcome {
    let mut session = client.main().await?;
    let table = client.name("tx");
    fresh(&session.client, &table).await?;
    let insert = session.client.prepare(&format!("insert into {table} values ($1)")).await?;
    for i in 0..6 {
        let transaction = session.client.transaction().await?;
        client.line(format!("inserted {}", transaction.execute(&insert, &[&i]).await?));
        match i % 3 {
            0 => transaction.commit().await?,
            1 => transaction.rollback().await?,
            _ => drop(transaction), // rolls back, with the next statement behind it
        }
        client.line(all(&session.client, &table).await?);
    }
    let transaction = session.client.transaction().await?;
    transaction.execute(&insert, &[&100]).await?;
    client.fails("duplicate", transaction.execute(&insert, &[&0])).await?;
    client.fails("aborted", transaction.query_one("select 1", &[])).await?;
    client.fails("aborted, prepared", transaction.execute(&insert, &[&101])).await?;
    transaction.commit().await?; // Postgres answers ROLLBACK
    client.line(all(&session.client, &table).await?);
    let db = &session.client;
    for sql in [
        "begin; commit".to_string(),
        "commit; rollback".to_string(),
        format!("begin isolation level serializable; insert into {table} values (200); end"),
        format!("start transaction; insert into {table} values (201); rollback and chain"),
        format!("insert into {table} values (202); commit and no chain"),
    ] {
        client.replies(&db.simple_query(&sql).await?);
    }
    let sql = format!("begin; insert into {table} values (203); select 1/0; commit");
    client.fails("in the middle", db.simple_query(&sql)).await?;
    client.fails("aborted", db.simple_query("select 1")).await?;
    db.batch_execute("rollback").await?;
    client.line(all(db, &table).await?);
    client.keep(session)
}

pub async fn savepoints(client: &mut Client) -> Outcome {
    let mut session = client.main().await?;
    let table = client.name("sp");
    fresh(&session.client, &table).await?;
    let insert = format!("insert into {table} values ($1)");
    let mut outer = session.client.transaction().await?;
    outer.execute(&insert, &[&1i32]).await?;
    let mut middle = outer.savepoint("\"O'Reilly\"").await?;
    middle.execute(&insert, &[&2i32]).await?;
    let inner = middle.transaction().await?;
    client.fails("duplicate", inner.execute(&insert, &[&2i32])).await?;
    inner.rollback().await?;
    let inner = middle.transaction().await?;
    inner.execute(&insert, &[&3i32]).await?;
    inner.commit().await?;
    client.line(all(middle.client(), &table).await?);
    drop(middle);
    client.line(all(outer.client(), &table).await?);
    client.fails("unknown", outer.batch_execute("rollback to nowhere")).await?;
    outer.rollback().await?;
    client.line(all(&session.client, &table).await?);
    client.fails("no transaction", session.client.batch_execute("savepoint x")).await?;
    client.keep(session)
}

pub async fn isolation(client: &mut Client) -> Outcome {
    let mut session = client.main().await?;
    let levels = [
        IsolationLevel::Serializable,
        IsolationLevel::RepeatableRead,
        IsolationLevel::ReadUncommitted,
        IsolationLevel::ReadCommitted,
    ];
    let sql = "select current_setting('transaction_isolation') || ' ' || \
               current_setting('transaction_read_only') || ' ' || \
               current_setting('transaction_deferrable')";
    for level in levels {
        let transaction = session
            .client
            .build_transaction()
            .isolation_level(level)
            .read_only(true)
            .deferrable(true)
            .start()
            .await?;
        client.line(value(transaction.client(), sql).await?);
        client.fails("write", transaction.batch_execute("create table never (a int)")).await?;
        transaction.rollback().await?;
        client.line(value(&session.client, sql).await?);
    }
    let db = &session.client;
    db.batch_execute("set session characteristics as transaction isolation level serializable")
        .await?;
    for _ in 0..3 {
        client.line(value(db, sql).await?);
    }
    db.batch_execute("set default_transaction_isolation to default").await?;
    client.line(value(db, sql).await?);
    client.keep(session)
}

async fn show(client: &mut Client, db: &tokio_postgres::Client, when: &str) -> Outcome {
    let mut line = when.to_string();
    for name in NAMES {
        line += " | ";
        line += &value(db, &format!("show {name}")).await?;
    }
    client.line(line);
    Ok(())
}

pub async fn settings(client: &mut Client) -> Outcome {
    let mut session = client.main().await?;
    let own = 1000 + client.number;
    show(client, &session.client, "before").await?;
    session.client.execute(&format!("set statement_timeout = {own}"), &[]).await?;
    session.client.execute("set time zone 'Europe/Oslo'", &[]).await?;
    let path = format!("set search_path to s{own}, public, \"Odd, 'name'\"");
    session.client.simple_query(&path).await?;
    session.client.batch_execute("set application_name = 'O''Reilly\\'").await?;
    show(client, &session.client, "set").await?;
    let config = session.client.prepare("select set_config($1, $2, $3)").await?;
    for i in 0..4 {
        let size = format!("{}kB", own + i);
        client.rows(&session.client.query(&config, &[&"work_mem", &size, &false]).await?)?;
        client.rows(&session.client.query(&config, &[&"work_mem", &"999kB", &true]).await?)?;
        show(client, &session.client, "config").await?;
        let shown = session.client.prepare("show work_mem").await?;
        client.rows(&session.client.query(&shown, &[]).await?)?;
    }
    let transaction = session.client.transaction().await?;
    transaction.batch_execute("set local statement_timeout = '77s'").await?;
    transaction.execute("set TimeZone = 'Asia/Tokyo'", &[]).await?;
    show(client, transaction.client(), "in").await?;
    transaction.commit().await?;
    show(client, &session.client, "committed").await?;
    let db = &session.client;
    for name in NAMES {
        db.execute(&format!("reset {name}"), &[]).await?;
        show(client, db, &format!("reset {name}")).await?;
    }
    client.fails("value", db.batch_execute("set work_mem = 'much'")).await?;
    client.fails("name", db.execute("set no_such_name = 1", &[])).await?;
    client.fails("config", db.query(&config, &[&"work_mem", &"little", &false])).await?;
    db.batch_execute("set my.own = 'mine'").await?;
    for _ in 0..3 {
        client.line(value(db, "select current_setting('my.own')").await?);
    }
    db.batch_execute("reset all").await?;
    client.line(value(db, "select '[' || current_setting('my.own') || ']'").await?);
    show(client, db, "reset all").await?;
    client.keep(session)
}

pub async fn settings_undone(client: &mut Client) -> Outcome {
    let mut session = client.main().await?;
    session.client.batch_execute("set statement_timeout = '50s'").await?;
    let transaction = session.client.transaction().await?;
    transaction.batch_execute("set statement_timeout = '51s'; set work_mem = '1MB'").await?;
    transaction.rollback().await?;
    show(client, &session.client, "rolled back").await?;
    let mut transaction = session.client.transaction().await?;
    transaction.batch_execute("set statement_timeout = '52s'").await?;
    let inner = transaction.transaction().await?;
    inner.batch_execute("set statement_timeout = '53s'; set search_path = nowhere").await?;
    show(client, inner.client(), "inner").await?;
    inner.rollback().await?;
    show(client, transaction.client(), "to the savepoint").await?;
    transaction.batch_execute("set local work_mem = '2MB'; reset statement_timeout").await?;
    transaction.commit().await?;
    show(client, &session.client, "committed").await?;
    let db = &session.client;
    client.fails("several", db.batch_execute("set work_mem = '7MB'; select 1/0")).await?;
    show(client, db, "several").await?;
    db.batch_execute("set work_mem = '8MB'; set search_path = s8; select 1").await?;
    show(client, db, "several went well").await?;
    db.batch_execute("reset all").await?;
    show(client, db, "reset").await?;
    client.keep(session)
}

pub async fn roles(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let sql = "select current_user || ' ' || session_user || ' ' || current_setting('role')";
    // The role that matrix.py makes for this.
    db.batch_execute(&format!("set role {}_reader", user())).await?;
    for _ in 0..3 {
        client.line(value(db, sql).await?);
    }
    client.fails("not allowed", db.batch_execute("create table never (a int)")).await?;
    db.batch_execute("reset role").await?;
    client.line(value(db, sql).await?);
    db.batch_execute(&format!("begin; set local role {}_reader", user())).await?;
    client.line(value(db, sql).await?);
    db.batch_execute("commit").await?;
    client.line(value(db, sql).await?);
    client.fails("unknown", db.batch_execute("set role no_such_role")).await?;
    db.batch_execute(&format!("set session authorization {}", user())).await?;
    client.line(value(db, sql).await?);
    db.batch_execute("set session authorization default").await?;
    client.line(value(db, sql).await?);
    client.keep(session)
}
