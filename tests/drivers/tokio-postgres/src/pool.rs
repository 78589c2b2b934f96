//! deadpool: what it sends to a connection that comes back, and many tasks on few connections.

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use futures_util::future::join_all;
use tokio_postgres::NoTls;

use crate::client::{config, value, Client, Outcome};

fn new_pool(method: RecyclingMethod, size: usize) -> Result<Pool, deadpool_postgres::BuildError> {
    let settings = ManagerConfig { recycling_method: method };
    Pool::builder(Manager::from_config(config(), NoTls, settings)).max_size(size).build()
}

pub async fn pool(client: &mut Client) -> Outcome {
    for method in [RecyclingMethod::Fast, RecyclingMethod::Verified, RecyclingMethod::Clean] {
        client.line(format!("{method:?}"));
        let clean = method == RecyclingMethod::Clean;
        let pool = new_pool(method, 1)?;
        for i in 0..6i32 {
            let lent = pool.get().await?;
            client.line(value(&lent, "show statement_timeout").await?);
            client.line(value(&lent, "show TimeZone").await?);
            let statement = lent.prepare_cached("select $1::int * 2 as n").await?;
            client.rows(&lent.query(&statement, &[&i]).await?)?;
            client.fails("division", lent.query("select 1 / $1::int", &[&0i32])).await?;
            if clean {
                lent.batch_execute(
                    "set statement_timeout = '33s'; set TimeZone = 'Asia/Tokyo'; \
                     create temp table left_behind (a int)",
                )
                .await?;
            }
        }
        let lent = pool.get().await?;
        client.fails("temporary", lent.batch_execute("select * from left_behind")).await?;
        client.line(format!("cached {}", lent.statement_cache.size()));
        drop(lent);
        pool.close();
    }
    Ok(())
}

pub async fn tasks(client: &mut Client) -> Outcome {
    let pool = new_pool(RecyclingMethod::Clean, 3)?;
    let table = client.name("counter");
    pool.get()
        .await?
        .batch_execute(&format!(
            "drop table if exists {table}; create table {table} (id int primary key, n int); \
             insert into {table} select n, 0 from generate_series(0, 4) n"
        ))
        .await?;
    let sql = format!("update {table} set n = n + 1 where id = $1");
    let tasks = (0..60i32).map(|i| {
        let (pool, sql) = (&pool, &sql);
        async move {
            let mut lent = pool.get().await?;
            let statement = lent.prepare_cached(sql).await?;
            let transaction = lent.transaction().await?;
            let count = transaction.execute(&statement, &[&(i % 5)]).await?;
            transaction.commit().await?;
            Ok::<u64, Box<dyn std::error::Error + Send + Sync>>(count)
        }
    });
    let mut sum = 0;
    for count in join_all(tasks).await {
        sum += count?;
    }
    client.line(format!("updated {sum}"));
    let lent = pool.get().await?;
    client.rows(&lent.query(&format!("select * from {table} order by id"), &[]).await?)?;
    Ok(())
}
