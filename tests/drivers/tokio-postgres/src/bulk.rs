//! Much at once: portals with a limit of rows, many rows, COPY both ways.

use bytes::Bytes;
use futures_util::{pin_mut, SinkExt, StreamExt, TryStreamExt};
use tokio_postgres::binary_copy::{BinaryCopyInWriter, BinaryCopyOutStream};
use tokio_postgres::types::Type;
use tokio_postgres::{CopyInSink, Error};

use crate::client::{config, value, Client, Outcome, Session};

const ROWS: i32 = 3000;

async fn filled(client: &Client, db: &tokio_postgres::Client) -> Result<String, Error> {
    let table = client.name("rows");
    db.batch_execute(&format!(
        "drop table if exists {table}; create table {table} as \
         select n as id, md5(n::text) as v from generate_series(1, {ROWS}) n"
    ))
    .await?;
    Ok(table)
}

pub async fn portals(client: &mut Client) -> Outcome {
    let mut session = client.main().await?;
    let table = filled(client, &session.client).await?;
    let up = session.client.prepare(&format!("select id, v from {table} order by id")).await?;
    let transaction = session.client.transaction().await?;
    let one = transaction.bind(&up, &[]).await?;
    let sql = format!("select id from {table} where id > $1 order by id desc");
    let two = transaction.bind(&sql, &[&10i32]).await?;
    let mut sum = 0i64;
    let mut turns = 0;
    loop {
        let rows = transaction.query_portal(&one, 130).await?;
        if rows.is_empty() {
            break;
        }
        turns += 1;
        for row in rows.iter().chain(&transaction.query_portal(&two, 7).await?) {
            sum = sum.wrapping_mul(31).wrapping_add(i64::from(row.get::<_, i32>(0)));
        }
        if turns == 5 {
            transaction.batch_execute(&format!("update {table} set v = 'x' where id = 1")).await?;
        }
    }
    client.line(format!("turns {turns} sum {sum}"));
    drop(one);
    client.line(format!("rest {}", transaction.query_portal(&two, 0).await?.len()));
    client.line(format!("again {}", transaction.query_portal(&two, 5).await?.len()));
    let sql = "select 10 / (3 - n) as q from generate_series(1, 5) n";
    let third = transaction.bind(sql, &[]).await?;
    client.rows(&transaction.query_portal(&third, 1).await?)?;
    client.fails("in a portal", transaction.query_portal(&third, 3)).await?;
    client.fails("aborted", transaction.query_portal(&two, 3)).await?;
    transaction.rollback().await?;
    client.line(value(&session.client, "select 'alive'").await?);
    client.keep(session)
}

pub async fn many_rows(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let table = filled(client, db).await?;
    let statement = db.prepare(&format!("select id, v from {table} order by id")).await?;
    for _ in 0..3 {
        let rows = db.query(&statement, &[]).await?;
        let length: usize = rows.iter().map(|row| row.get::<_, &str>(1).len()).sum();
        client.line(format!("{} rows, {length}", rows.len()));
        client.rows(&rows[ROWS as usize - 1..])?;
    }
    client.keep(session)
}

pub async fn large_values(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let text = "0123456789abcdef".repeat(65_536);
    let bytes: Vec<u8> = (0..300_000u32).map(|i| (i * 31) as u8).collect();
    let sql = "select length($1::text), md5($1), length($2::bytea), md5($2), $1, $2";
    let statement = db.prepare(sql).await?;
    for _ in 0..3 {
        let row = db.query_one(&statement, &[&text, &bytes]).await?;
        client.line(format!(
            "{} {} {} {} {} {}",
            row.get::<_, i32>(0),
            row.get::<_, &str>(1),
            row.get::<_, i32>(2),
            row.get::<_, &str>(3),
            row.get::<_, &str>(4) == text,
            row.get::<_, &[u8]>(5) == bytes
        ));
    }
    let long = format!("select length('{}') as n", "é".repeat(100_000));
    client.rows(&db.query(&long, &[]).await?)?;
    client.keep(session)
}

pub async fn copy(client: &mut Client) -> Outcome {
    let mut session = client.main().await?;
    let table = client.name("copied");
    session
        .client
        .batch_execute(&format!(
            "drop table if exists {table}; create table {table} (id int, v text)"
        ))
        .await?;
    for turn in 0..3 {
        let transaction = session.client.transaction().await?;
        let sink: CopyInSink<Bytes> =
            transaction.copy_in(&format!("copy {table} from stdin (format csv)")).await?;
        pin_mut!(sink);
        for i in 0..2000 {
            sink.send(Bytes::from(format!("{i},\"row {i} é ☃\"\n"))).await?;
            if i % 500 == 0 {
                sink.flush().await?;
            }
        }
        client.line(format!("in {}", sink.finish().await?));
        if turn == 1 {
            transaction.rollback().await?;
        } else {
            transaction.commit().await?;
        }
    }
    let db = &session.client;
    let out = db.copy_out(&format!("copy (select * from {table} order by id) to stdout")).await?;
    let chunks: Vec<Bytes> = out.try_collect().await?;
    let length: usize = chunks.iter().map(Bytes::len).sum();
    client.line(format!("out {} {length} {:?}", chunks.len(), chunks.last()));
    client.rows(&db.query(&format!("select count(*), count(v) from {table}"), &[]).await?)?;
    client.keep(session)
}

pub async fn binary_copy(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let table = client.name("binary");
    db.batch_execute(&format!(
        "drop table if exists {table}; create table {table} (id int, v text, y bytea)"
    ))
    .await?;
    let types = [Type::INT4, Type::TEXT, Type::BYTEA];
    let sink = db.copy_in(&format!("copy {table} from stdin (format binary)")).await?;
    let writer = BinaryCopyInWriter::new(sink, &types);
    pin_mut!(writer);
    for i in 0..1000i32 {
        let text = (i % 7 != 0).then(|| format!("é {i}"));
        writer.as_mut().write(&[&i, &text, &vec![i as u8; 50]]).await?;
    }
    client.line(format!("in {}", writer.finish().await?));
    let sql = format!("copy (select * from {table} order by id) to stdout (format binary)");
    let rows = BinaryCopyOutStream::new(db.copy_out(&sql).await?, &types);
    pin_mut!(rows);
    let (mut count, mut sum) = (0, 0);
    while let Some(row) = rows.next().await {
        let row = row?;
        count += 1;
        sum += row.get::<i32>(0) as usize + row.get::<Option<&str>>(1).map_or(0, str::len);
    }
    client.line(format!("out {count} {sum}"));
    client.keep(session)
}

pub async fn copy_failed(client: &mut Client) -> Outcome {
    let session = client.main().await?;
    let db = &session.client;
    let table = client.name("copied");
    let sql = format!("copy {table} from stdin");
    let sink: CopyInSink<Bytes> = db.copy_in(&sql).await?;
    pin_mut!(sink);
    sink.send(Bytes::from_static(b"1\ta\nx\tb\n")).await?;
    client.fails("a wrong row", sink.as_mut().finish()).await?;
    client.line(value(db, &format!("select count(*) from {table}")).await?);
    // Much behind the wrong row, which the server reads and throws away.
    let sink: CopyInSink<Bytes> = db.copy_in(&sql).await?;
    pin_mut!(sink);
    let mut sent = sink.send(Bytes::from_static(b"x\tb\n")).await;
    for _ in 0..200 {
        if sent.is_ok() {
            sent = sink.send(Bytes::from("2\tcccccccccc\n".repeat(1000))).await;
        }
    }
    let ended = sink.as_mut().finish().await;
    client.line(format!("failed {}", sent.is_err() || ended.is_err()));
    client.line(value(db, &format!("select count(*) from {table}")).await?);
    {
        let sink: CopyInSink<Bytes> = db.copy_in(&sql).await?;
        pin_mut!(sink);
        sink.send(Bytes::from_static(b"9000\tnever\n")).await?;
    } // dropped before its end: CopyFail
    client.line(value(db, &format!("select count(*) from {table} where id = 9000")).await?);
    // On a connection of its own: the driver sends a CopyFail and a Sync behind the refused COPY
    // and then takes the second ReadyForQuery for its next statement's, on Postgres too.
    let lost = Session::open(&config()).await?;
    let refused = lost.client.copy_in::<_, Bytes>("copy no_such_table from stdin");
    client.fails("no table", refused).await?;
    client.fails("out of step", lost.client.query("select 1", &[])).await?;
    drop(lost);
    let late = "copy (select 10 / (500 - n) from generate_series(1, 1000) n) to stdout";
    let out = db.copy_out(late).await?;
    client.fails("fails late", out.try_collect::<Vec<Bytes>>()).await?;
    {
        let out = db.copy_out("copy (select generate_series(1, 20000)) to stdout").await?;
        pin_mut!(out);
        client.line(format!("first {:?}", out.next().await.transpose()?));
    } // the rest is not read
    client.line(value(db, "select 'alive'").await?);
    client.keep(session)
}
