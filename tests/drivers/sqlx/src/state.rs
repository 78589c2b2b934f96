//! State that stays at one server: it is made, used and given up; and statements cut short.

use std::time::Duration;

use sqlx::postgres::{PgAdvisoryLock, PgAdvisoryLockKey, PgListener, PgPoolOptions};
use sqlx::{Connection, Either, PgConnection};
use tokio::time::timeout;

use crate::client::{options, run, sql, value, Client, Outcome};

async fn received(client: &mut Client, listener: &mut PgListener, count: usize) -> Outcome {
    for _ in 0..count {
        let note = timeout(Duration::from_secs(20), listener.recv()).await??;
        client.line(format!("got {} [{}]", note.channel(), note.payload()));
    }
    Ok(())
}

pub async fn listen(client: &mut Client) -> Outcome {
    let pool = PgPoolOptions::new().max_connections(2).connect_with(options()).await?;
    let channel = client.name("channel");
    let odd = format!("Odd {channel}");
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen_all([channel.as_str(), odd.as_str()]).await?;
    let notify = "select pg_notify($1, $2)";
    for (name, payload) in [(&channel, "by another"), (&odd, ""), (&channel, "O'Reilly é")] {
        sqlx::query(notify).bind(name).bind(payload).execute(&pool).await?;
    }
    received(client, &mut listener, 3).await?;
    let mut transaction = pool.begin().await?;
    sqlx::query(notify).bind(&channel).bind("undone").execute(&mut *transaction).await?;
    transaction.rollback().await?;
    let mut transaction = pool.begin().await?;
    sqlx::query(notify).bind(&channel).bind("committed").execute(&mut *transaction).await?;
    transaction.commit().await?;
    received(client, &mut listener, 1).await?;
    listener.unlisten(&channel).await?;
    sqlx::query(notify).bind(&odd).bind("still").execute(&pool).await?;
    received(client, &mut listener, 1).await?;
    listener.unlisten_all().await?;
    sqlx::query(notify).bind(&odd).bind("nobody listens").execute(&pool).await?;
    client.line(format!("left {:?}", listener.next_buffered().is_some()));
    drop(listener);
    pool.close().await;
    Ok(())
}

pub async fn locks(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    let count = "select count(*) from pg_locks where locktype = 'advisory' and pid = \
                 pg_backend_pid()";
    let keys = [
        PgAdvisoryLock::new(client.name("lock")),
        PgAdvisoryLock::with_key(PgAdvisoryLockKey::IntPair(7, client.number as i32)),
    ];
    for lock in &keys {
        let mut guard = lock.acquire(&mut db).await?;
        for _ in 0..3 {
            client.query(guard.as_mut(), count).await?;
        }
        guard.release_now().await?;
        client.query(&mut db, count).await?;
        match lock.try_acquire(&mut db).await? {
            Either::Left(guard) => drop(guard), // unlocks in front of the next statement
            Either::Right(_) => return Err("the lock is not free".into()),
        }
        client.query(&mut db, count).await?;
        let (_, was_held) = lock.force_release(&mut db).await?;
        client.line(format!("was held {was_held}"));
    }
    let mut transaction = db.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(client.number as i64)
        .execute(&mut *transaction)
        .await?;
    client.query(&mut transaction, count).await?;
    transaction.commit().await?;
    client.query(&mut db, count).await?;
    client.keep(db)
}

pub async fn temporary(client: &mut Client) -> Outcome {
    let mut db = PgConnection::connect_with(&options()).await?;
    let own = client.number;
    run(&mut db, format!("create temp table mine (a int); insert into mine values ({own})"))
        .await?;
    for _ in 0..4 {
        client.query(&mut db, "select a from mine").await?;
    }
    sqlx::query("drop table mine").execute(&mut db).await?;
    let gone = sqlx::query("select a from mine where true");
    client.fails("gone", gone.fetch_all(&mut db)).await?;
    let mut transaction = db.begin().await?;
    run(&mut transaction, "create temp table mine on commit drop as select 5 as b").await?;
    client.query(&mut transaction, "select b from mine").await?;
    transaction.commit().await?;
    client.fails("gone too", run(&mut db, "select b from mine")).await?;
    sqlx::query("create temporary table mine as select 6 as c").execute(&mut db).await?;
    client.query(&mut db, "select c from mine").await?;
    run(&mut db, "discard temp").await?;
    client.fails("discarded", run(&mut db, "select c from mine")).await?;
    Ok(())
}

pub async fn held_cursors(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    run(&mut db, "declare held cursor with hold for select generate_series(1, 10) as n").await?;
    for _ in 0..3 {
        client.query(&mut db, "fetch 3 from held").await?;
    }
    run(&mut db, "close held").await?;
    client.fails("closed", run(&mut db, "fetch held")).await?;
    let mut transaction = db.begin().await?;
    run(&mut transaction, "declare plain cursor for select generate_series(1, 10) as n").await?;
    client.query(&mut transaction, "fetch 2 from plain").await?;
    transaction.commit().await?;
    client.fails("plain", run(&mut db, "fetch plain")).await?;
    client.keep(db)
}

pub async fn discard(client: &mut Client) -> Outcome {
    let mut db = PgConnection::connect_with(&options()).await?;
    for reset in ["discard plans", "deallocate all", "discard all"] {
        for i in 0..3i32 {
            let row = sqlx::query("select $1 + 1 as n").bind(i).fetch_one(&mut db).await?;
            client.rows(&[row])?;
        }
        run(&mut db, "set work_mem = '3MB'").await?;
        run(&mut db, reset).await?;
        let stale = sqlx::query("select $1 + 1 as n").bind(9);
        match stale.fetch_one(&mut db).await {
            Ok(row) => client.rows(&[row])?,
            Err(error) => client.error(reset, &error),
        }
        // The driver's cache names a statement that is gone; it is emptied by hand.
        db.clear_cached_statements().await?;
        client.line(value(&mut db, "select current_setting('work_mem')").await?);
    }
    Ok(())
}

pub async fn statement_timeout(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    run(&mut db, "set statement_timeout = '100ms'").await?;
    let sleep = sqlx::query("select pg_sleep($1)").bind(30.0);
    client.fails("sleep", sleep.execute(&mut db)).await?;
    client.line(value(&mut db, "show statement_timeout").await?);
    run(&mut db, "reset statement_timeout").await?;
    let mut transaction = db.begin().await?;
    run(&mut transaction, "set local statement_timeout = '50ms'").await?;
    client.fails("in a transaction", run(&mut transaction, "select pg_sleep(30)")).await?;
    client.fails("aborted", run(&mut transaction, "select 1")).await?;
    transaction.rollback().await?;
    client.line(value(&mut db, "show statement_timeout").await?);
    sqlx::query("select pg_sleep($1)").bind(0.06).execute(&mut db).await?;
    client.keep(db)
}

/// A query that its caller has given up: the driver reads its answer before the next one.
pub async fn abandoned(client: &mut Client) -> Outcome {
    let mut db = client.main().await?;
    for wait in [1, 20] {
        let query = sqlx::query(sql("select n from pg_sleep(0.2), generate_series(1, 50) n"));
        let given_up = timeout(Duration::from_millis(wait), query.fetch_all(&mut db)).await;
        client.line(format!("given up {}", given_up.is_err()));
        client.line(value(&mut db, "select 'the next one'").await?);
    }
    {
        let mut transaction = db.begin().await?;
        run(&mut transaction, "set local work_mem = '2MB'").await?;
        let query = run(&mut transaction, "select pg_sleep(0.1); select 1");
        let given_up = timeout(Duration::from_millis(5), query).await;
        client.line(format!("given up {}", given_up.is_err()));
    } // rolled back
    client.line(value(&mut db, "show work_mem").await?);
    client.keep(db)
}
