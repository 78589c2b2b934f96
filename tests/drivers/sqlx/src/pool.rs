//! The driver's pool, and its migrations.

use futures_util::future::join_all;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor, PgPool, SqlSafeStr};

use crate::client::{options, run, sql, value, Client, Outcome};

fn migration(version: i64, name: &'static str, text: String, no_tx: bool) -> Migration {
    let text = AssertSqlSafe(text).into_sql_str();
    Migration::new(version, name.into(), MigrationType::Simple, text, no_tx)
}

/// All clients want the same advisory lock, as instances of an application that start at once.
pub async fn migrations(client: &mut Client) -> Outcome {
    let pool = PgPoolOptions::new().max_connections(2).connect_with(options()).await?;
    let (table, log) = (client.name("migrated"), client.name("migrations"));
    let mut db = pool.acquire().await?;
    run(&mut db, format!("drop table if exists {table}; drop table if exists {log}")).await?;
    drop(db);
    let mut steps = vec![
        migration(1, "create", format!("create table {table} (a int primary key)"), false),
        migration(2, "fill", format!("insert into {table} values (1); analyze {table}"), false),
        migration(3, "alone", format!("vacuum {table}"), true),
    ];
    for turn in 0..2 {
        migrated(client, &pool, &steps, &format!("turn {turn}")).await?;
    }
    steps.push(migration(4, "wrong", format!("insert into {table} values (1)"), false));
    migrated(client, &pool, &steps, "wrong").await?;
    // The driver keeps its lock after an error: it goes when the connection does.
    pool.close().await;
    let mut db = client.main().await?;
    let applied = format!("select version, description, success from {log} order by version");
    client.query(&mut db, &applied).await?;
    client.query(&mut db, &format!("select a from {table}")).await?;
    client.keep(db)
}

async fn migrated(client: &mut Client, pool: &PgPool, steps: &[Migration], turn: &str) -> Outcome {
    let mut migrator = Migrator::with_migrations(steps.to_vec());
    migrator.dangerous_set_table_name(client.name("migrations"));
    match migrator.run(pool).await {
        Ok(()) => client.line(turn),
        Err(error) => client.line(format!("{turn}: {error}")),
    }
    Ok(())
}

pub async fn pool(client: &mut Client) -> Outcome {
    let number = client.number;
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .after_connect(move |db, _| {
            Box::pin(async move {
                let text = format!("set statement_timeout = '{}s'; set TimeZone = 'Asia/Tokyo'",
                    100 + number);
                db.execute(sqlx::raw_sql(sql(text))).await?;
                Ok(())
            })
        })
        .after_release(|db, _| {
            Box::pin(async move {
                db.execute("reset work_mem").await?;
                Ok(true)
            })
        })
        .connect_with(options())
        .await?;
    for i in 0..20i32 {
        let n: i32 = sqlx::query_scalar("select $1 * 2").bind(i).fetch_one(&pool).await?;
        let mut db = pool.acquire().await?;
        let settings = "select current_setting('statement_timeout') || ' ' || \
                        current_setting('TimeZone') || ' ' || current_setting('work_mem')";
        client.line(format!("{n} {}", value(&mut db, settings).await?));
        run(&mut db, "set work_mem = '3MB'").await?;
        client.line(value(&mut db, settings).await?);
        client.fails("division", run(&mut db, "select 1/0")).await?;
    }
    // Dropped with a transaction open: the pool rolls back before it lends it again.
    let table = client.name("pooled");
    let mut transaction = pool.begin().await?;
    run(&mut transaction, format!("create table {table} (a int)")).await?;
    drop(transaction);
    let exists = format!("select to_regclass('{table}')::text");
    client.line(value(&mut *pool.acquire().await?, &exists).await?);
    pool.close().await;
    client.fails("closed", pool.acquire()).await?;
    Ok(())
}

pub async fn tasks(client: &mut Client) -> Outcome {
    let pool = PgPoolOptions::new().max_connections(3).connect_with(options()).await?;
    let table = client.name("counter");
    run(
        &mut *pool.acquire().await?,
        format!(
            "drop table if exists {table}; create table {table} (id int primary key, n int); \
             insert into {table} select n, 0 from generate_series(0, 4) n"
        ),
    )
    .await?;
    let text = format!("update {table} set n = n + 1 where id = $1");
    let tasks = (0..60i32).map(|i| {
        let (pool, text) = (&pool, &text);
        async move {
            let mut transaction = pool.begin().await?;
            let done = sqlx::query(sql(text)).bind(i % 5).execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok::<u64, sqlx::Error>(done.rows_affected())
        }
    });
    let mut sum = 0;
    for count in join_all(tasks).await {
        sum += count?;
    }
    client.line(format!("updated {sum}"));
    let mut db = pool.acquire().await?;
    client.query(&mut db, &format!("select * from {table} order by id")).await?;
    drop(db);
    pool.close().await;
    Ok(())
}
