//! State that stays at one server: it is made, used and given up; and statements cut short.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, NoTls};

use crate::client::{config, value, Client, Outcome, Session};

/// Writes down the next `count` notifications; notices between them too.
async fn received(client: &mut Client, session: &mut Session, count: usize) -> Outcome {
    let mut left = count;
    while left > 0 {
        match timeout(Duration::from_secs(20), session.messages.recv()).await {
            Ok(Some(AsyncMessage::Notification(note))) => {
                client.line(format!("got {} [{}]", note.channel(), note.payload()));
                left -= 1;
            }
            Ok(Some(AsyncMessage::Notice(notice))) => {
                client.line(format!("notice {} {}", notice.code().code(), notice.message()));
            }
            _ => return Err(format!("{left} notifications did not come").into()),
        }
    }
    Ok(())
}

pub async fn listen(client: &mut Client) -> Outcome {
    // A connection of its own, so that no notice of an earlier step is among the messages.
    let mut session = Session::open(&config()).await?;
    let channel = client.name("channel");
    session.client.batch_execute(&format!("listen {channel}; listen \"Odd {channel}\"")).await?;
    session.client.batch_execute(&format!("notify {channel}, 'own O''Reilly'")).await?;
    session.client.execute(&format!("notify \"Odd {channel}\""), &[]).await?;
    received(client, &mut session, 2).await?;
    let transaction = session.client.transaction().await?;
    transaction.batch_execute(&format!("notify {channel}, 'committed'")).await?;
    transaction.commit().await?;
    let transaction = session.client.transaction().await?;
    transaction.batch_execute(&format!("notify {channel}, 'undone'")).await?;
    transaction.rollback().await?;
    received(client, &mut session, 1).await?;
    let other = Session::open(&config()).await?;
    let notify = other.client.prepare("select pg_notify($1, $2)").await?;
    for payload in ["by another", "and again"] {
        other.client.execute(&notify, &[&channel, &payload]).await?;
    }
    received(client, &mut session, 2).await?;
    let channels = "select count(*) from pg_listening_channels()";
    client.line(value(&session.client, channels).await?);
    session.client.batch_execute(&format!("unlisten {channel}")).await?;
    session.client.execute("unlisten *", &[]).await?;
    client.line(value(&session.client, channels).await?);
    other.client.batch_execute(&format!("notify {channel}, 'nobody listens'")).await?;
    client.line(format!("left {}", session.messages.try_recv().is_ok()));
    Ok(())
}

pub async fn locks(client: &mut Client) -> Outcome {
    let mut session = client.main().await?;
    let key = 1000 + client.number as i64;
    let held = "select count(*) from pg_locks where locktype = 'advisory' and objid = $1::int8 \
                and pid = pg_backend_pid()";
    session.client.execute("select pg_advisory_lock($1)", &[&key]).await?;
    for _ in 0..3 {
        client.rows(&session.client.query(held, &[&key]).await?)?;
    }
    let unlock = session.client.prepare("select pg_advisory_unlock($1)").await?;
    for _ in 0..3 {
        client.rows(&session.client.query(&unlock, &[&key]).await?)?;
    }
    let attempt = "select pg_try_advisory_lock_shared($1)";
    client.rows(&session.client.query(attempt, &[&key]).await?)?;
    client.rows(&session.client.query("select pg_advisory_unlock_shared($1)", &[&key]).await?)?;
    let transaction = session.client.transaction().await?;
    transaction.execute("select pg_advisory_xact_lock($1)", &[&key]).await?;
    client.rows(&transaction.query(held, &[&key]).await?)?;
    transaction.commit().await?;
    session.client.execute("select pg_advisory_unlock_all()", &[]).await?;
    client.rows(&session.client.query(held, &[&key]).await?)?;
    client.keep(session)
}

pub async fn temporary(client: &mut Client) -> Outcome {
    let mut session = client.main().await?;
    let own = client.number;
    let db = &session.client;
    db.batch_execute(&format!("create temp table mine (a int); insert into mine values ({own})"))
        .await?;
    let select = db.prepare("select a from mine").await?;
    for _ in 0..4 {
        client.rows(&db.query(&select, &[]).await?)?;
    }
    drop(select);
    db.execute("drop table mine", &[]).await?;
    client.fails("gone", db.query("select a from mine", &[])).await?;
    let transaction = session.client.transaction().await?;
    transaction.batch_execute("create temp table mine on commit drop as select 5 as b").await?;
    client.rows(&transaction.query("select b from mine", &[]).await?)?;
    transaction.commit().await?;
    let db = &session.client;
    client.fails("gone too", db.query("select b from mine", &[])).await?;
    db.batch_execute("create temporary table mine as select 6 as c; create temp sequence s")
        .await?;
    client.rows(&db.query("select c + nextval('s') as n from mine", &[]).await?)?;
    db.batch_execute("discard temp").await?;
    client.fails("discarded", db.query("select c from mine", &[])).await?;
    client.keep(session)
}

pub async fn held_cursors(client: &mut Client) -> Outcome {
    let mut session = client.main().await?;
    let db = &session.client;
    db.batch_execute("declare held cursor with hold for select generate_series(1, 10) as n")
        .await?;
    for _ in 0..3 {
        client.rows(&db.query("fetch 3 from held", &[]).await?)?;
    }
    db.batch_execute("close held").await?;
    client.fails("closed", db.batch_execute("fetch held")).await?;
    client.fails("plain", db.batch_execute("declare plain cursor for select 1")).await?;
    let transaction = session.client.transaction().await?;
    transaction
        .batch_execute(
            "declare \"Held 2\" scroll cursor with hold for select generate_series(1, 5) as n; \
             declare plain cursor for select generate_series(1, 5) as n",
        )
        .await?;
    client.rows(&transaction.query("fetch last from \"Held 2\"", &[]).await?)?;
    client.rows(&transaction.query("fetch 2 from plain", &[]).await?)?;
    transaction.commit().await?;
    let db = &session.client;
    client.rows(&db.query("fetch prior from \"Held 2\"", &[]).await?)?;
    client.fails("plain", db.batch_execute("fetch plain")).await?;
    db.batch_execute("close all").await?;
    client.fails("closed too", db.batch_execute("fetch \"Held 2\"")).await?;
    client.keep(session)
}

pub async fn sql_prepare(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let own = client.number;
    db.batch_execute(&format!("prepare mine(int, text) as select $1 + {own} as n, $2 as t"))
        .await?;
    for i in 0..4 {
        let sql = format!("execute mine({i}, 'O''Reilly')");
        client.replies(&db.simple_query(&sql).await?);
    }
    client.fails("twice", db.batch_execute("prepare mine as select 1")).await?;
    client.fails("count", db.batch_execute("execute mine(1)")).await?;
    db.batch_execute("deallocate prepare mine").await?;
    client.fails("gone", db.batch_execute("execute mine(1, 'x')")).await?;
    client.fails("gone", db.batch_execute("deallocate mine")).await?;
    client.keep(session)
}

pub async fn discard(client: &mut Client) -> Outcome {
    // A connection of its own: the driver does not see that its statements go.
    let session = Session::open(&config()).await?;
    let db = &session.client;
    for reset in ["deallocate all", "discard all"] {
        let statement = db.prepare("select $1::int + 1 as n").await?;
        client.rows(&db.query(&statement, &[&1i32]).await?)?;
        db.batch_execute("discard plans; set work_mem = '3MB'").await?;
        client.rows(&db.query(&statement, &[&2i32]).await?)?;
        db.batch_execute(reset).await?;
        client.fails(reset, db.query(&statement, &[&3i32])).await?;
        client.line(value(db, "show work_mem").await?);
    }
    let reset = "close all; set session authorization default; reset all; unlisten *; \
                 select pg_advisory_unlock_all(); discard temp; discard sequences";
    client.replies(&db.simple_query(reset).await?);
    let several = "discard all; select 1";
    client.fails("not alone", db.batch_execute(several)).await?;
    client.fails("in a transaction", db.batch_execute("begin; discard all")).await?;
    client.replies(&db.simple_query("rollback").await?);
    Ok(())
}

pub async fn statement_timeout(client: &mut Client) -> Outcome {
    let mut session = client.main().await?;
    session.client.batch_execute("set statement_timeout = '100ms'").await?;
    client.fails("sleep", session.client.query("select pg_sleep(30)", &[])).await?;
    client.line(value(&session.client, "show statement_timeout").await?);
    session.client.batch_execute("reset statement_timeout").await?;
    let transaction = session.client.transaction().await?;
    transaction.batch_execute("set local statement_timeout = '50ms'").await?;
    client.fails("in a transaction", transaction.batch_execute("select pg_sleep(30)")).await?;
    client.fails("aborted", transaction.batch_execute("select 1")).await?;
    transaction.rollback().await?;
    client.line(value(&session.client, "show statement_timeout").await?);
    client.line(value(&session.client, "select pg_sleep(0.06)").await?);
    client.keep(session)
}

/// Cancels until the statement has ended. A cancel that is too early is allowed to do nothing,
/// therefore it asks again; a late one can only meet this step's own connection.
pub async fn cancel(client: &mut Client) -> Outcome {
    let session = Session::open(&config()).await?;
    let db = &session.client;
    let token = db.cancel_token();
    let canceller = async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if token.cancel_query(NoTls).await.is_err() {
                return;
            }
        }
    };
    let sleeper = client.fails("sleep", db.query("select pg_sleep(60)", &[]));
    tokio::select! {
        outcome = sleeper => outcome?,
        () = canceller => return Err("a cancel request was refused".into()),
    }
    let alive = loop {
        match value(db, "select 'alive'").await {
            Err(error) if error.code().is_some_and(|code| code.code() == "57014") => {}
            other => break other?,
        }
    };
    client.line(alive);
    Ok(())
}
