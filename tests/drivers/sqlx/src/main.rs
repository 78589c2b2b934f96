//! The sqlx script of the driver matrix: CLIENTS clients walk through the same steps at the same
//! time, ROUNDS times, and each writes a transcript. The same program runs on Postgres and
//! through pglynx, and both must print the same.

mod client;
mod pool;
mod session;
mod state;
mod statements;

use std::time::Duration;

use client::{Client, Outcome};
use futures_util::future::join_all;

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

/// Runs a step and writes down how it ended.
macro_rules! step {
    ($client:expr, $name:expr, $step:path) => {{
        $client.begin($name);
        let outcome: Outcome = $step($client).await;
        $client.end(outcome);
    }};
}

async fn round(client: &mut Client) {
    step!(client, "connect", session::connect);
    step!(client, "startup", session::startup);
    step!(client, "errors", session::errors);
    step!(client, "migrations", pool::migrations);
    step!(client, "types", statements::types);
    step!(client, "prepared", statements::prepared);
    step!(client, "not kept", statements::not_kept);
    step!(client, "many statements", statements::many);
    step!(client, "described", statements::described);
    step!(client, "raw", statements::raw);
    step!(client, "rows left", statements::rows_left);
    step!(client, "large values", statements::large_values);
    step!(client, "ddl by another", statements::ddl_by_another);
    step!(client, "copy", statements::copy);
    step!(client, "copy failed", statements::copy_failed);
    step!(client, "transactions", session::transactions);
    step!(client, "settings", session::settings);
    step!(client, "settings undone", session::settings_undone);
    step!(client, "listen", state::listen);
    step!(client, "locks", state::locks);
    step!(client, "temporary", state::temporary);
    step!(client, "held cursors", state::held_cursors);
    step!(client, "discard", state::discard);
    step!(client, "statement timeout", state::statement_timeout);
    step!(client, "abandoned", state::abandoned);
    step!(client, "pool", pool::pool);
    step!(client, "pool and tasks", pool::tasks);
}

async fn walk(client: &mut Client, rounds: usize) {
    for number in 1..=rounds {
        client.round = number;
        round(client).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rounds = number("ROUNDS", 3);
    let mut clients: Vec<Client> = (0..number("CLIENTS", 8)).map(Client::new).collect();
    // Before matrix.py loses patience: what there is shows where each client hangs.
    let patience = Duration::from_secs(number("PATIENCE", 240) as u64);
    join_all(clients.iter_mut().map(|client| async move {
        if tokio::time::timeout(patience, walk(client, rounds)).await.is_err() {
            client.failed = true;
            client.line("NOT AT ITS END");
        }
    }))
    .await;
    for client in &clients {
        print!("{}", client.transcript());
    }
    let failed = clients.iter().any(|client| client.failed);
    std::process::exit(i32::from(failed));
}
