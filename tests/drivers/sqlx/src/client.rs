//! One logical client: a connection that it keeps over all its steps, more that a step opens and
//! closes, and the transcript of all that it was told.

use std::fmt::Write as _;
use std::future::Future;

use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgRow};
use sqlx::{AssertSqlSafe, Column, Connection, PgConnection, Row, TypeInfo, ValueRef};

/// Of a step. An error is unexpected: it is written down and fails the run.
pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// PGHOST, PGPORT, … and nothing else; the driver reads them by itself.
pub fn options() -> PgConnectOptions {
    PgConnectOptions::new()
}

/// A statement that this program has put together.
pub fn sql(text: impl Into<String>) -> AssertSqlSafe<String> {
    AssertSqlSafe(text.into())
}

pub struct Client {
    pub number: usize,
    pub round: usize,
    pub failed: bool,
    text: String,
    prefix: String,
    main: Option<PgConnection>,
}

impl Client {
    pub fn new(number: usize) -> Client {
        Client {
            number,
            round: 0,
            failed: false,
            text: String::new(),
            prefix: String::new(),
            main: None,
        }
    }

    pub fn transcript(&self) -> &str {
        &self.text
    }

    /// A name that no other client uses.
    pub fn name(&self, what: &str) -> String {
        format!("{what}_{}", self.number)
    }

    /// The connection that lives as long as the client; give it back with `keep`.
    pub async fn main(&mut self) -> Result<PgConnection, sqlx::Error> {
        match self.main.take() {
            Some(connection) => Ok(connection),
            None => PgConnection::connect_with(&options()).await,
        }
    }

    pub fn keep(&mut self, connection: PgConnection) -> Outcome {
        self.main = Some(connection);
        Ok(())
    }

    pub fn begin(&mut self, step: &str) {
        self.prefix = format!("c{} r{} {step}: ", self.number, self.round);
    }

    pub fn end(&mut self, outcome: Outcome) {
        match outcome {
            Ok(()) => self.line("done"),
            Err(error) => {
                self.failed = true;
                match error.downcast_ref::<sqlx::Error>() {
                    Some(error) => self.error("UNEXPECTED", error),
                    None => self.line(format!("UNEXPECTED {error}")),
                }
            }
        }
    }

    pub fn line(&mut self, what: impl AsRef<str>) {
        self.text.push_str(&self.prefix);
        self.text.push_str(what.as_ref());
        self.text.push('\n');
    }

    /// Awaits what has to fail and writes the error down.
    pub async fn fails<T>(
        &mut self,
        what: &str,
        future: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Outcome {
        match future.await {
            Ok(_) => Err(format!("{what} did not fail").into()),
            Err(error) => {
                self.error(what, &error);
                Ok(())
            }
        }
    }

    pub fn error(&mut self, what: &str, error: &sqlx::Error) {
        let Some(db) =
            error.as_database_error().and_then(|db| db.try_downcast_ref::<PgDatabaseError>())
        else {
            return self.line(format!("{what}: {error}"));
        };
        self.line(format!("{what}: {:?} {} {}", db.severity(), db.code(), db.message()));
        self.line(format!(
            "  {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            db.detail(),
            db.hint(),
            db.position(),
            db.r#where(),
            db.schema(),
            db.table(),
            db.column(),
            db.data_type(),
            db.constraint()
        ));
    }

    /// Column names and types, and the rows' bytes; text is shown as text.
    pub fn rows(&mut self, rows: &[PgRow]) -> Outcome {
        if let Some(row) = rows.first() {
            let head = row.columns().iter().fold(String::new(), |mut text, column| {
                let _ = write!(text, " {}:{}", column.name(), column.type_info().name());
                text
            });
            self.line(format!("  columns{head}"));
        }
        for row in rows {
            let mut line = String::from("  row");
            for i in 0..row.len() {
                let value = row.try_get_raw(i)?;
                if value.is_null() {
                    line += " | NULL";
                } else if let Ok(text) = value.as_str() {
                    let _ = write!(line, " | {text:?}");
                } else {
                    let _ = write!(line, " | {:02x?}", value.as_bytes()?);
                }
            }
            self.line(line);
        }
        self.line(format!("  rows {}", rows.len()));
        Ok(())
    }

    /// Runs a query as a prepared statement and writes its rows down.
    pub async fn query(&mut self, db: &mut PgConnection, text: &str) -> Outcome {
        let rows = sqlx::query(sql(text)).fetch_all(db).await?;
        self.rows(&rows)
    }
}

/// One or several statements by the simple protocol.
pub async fn run(db: &mut PgConnection, text: impl Into<String>) -> Result<u64, sqlx::Error> {
    Ok(sqlx::raw_sql(sql(text)).execute(db).await?.rows_affected())
}

/// First column of the first row, which is text.
pub async fn value(db: &mut PgConnection, text: &str) -> Result<String, sqlx::Error> {
    let value: Option<String> = sqlx::query_scalar(sql(text)).fetch_one(db).await?;
    Ok(value.unwrap_or_else(|| "NULL".into()))
}
