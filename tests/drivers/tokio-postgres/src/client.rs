//! One logical client: a connection that it keeps over all its steps, more that a step opens and
//! closes, and the transcript of all that it was told.

use std::error::Error;
use std::fmt::Write as _;
use std::future::Future;

use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{AsyncMessage, Config, NoTls, Row, SimpleQueryMessage};

/// Of a step. An error is unexpected: it is written down and fails the run.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// A value as the server sent it, so that all types can be compared.
pub struct Raw(pub Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The message without the number in a statement's name: the driver counts for all clients.
fn masked(message: &str) -> String {
    match message.split_once("prepared statement \"s") {
        Some((before, after)) => {
            let after = after.trim_start_matches(|letter: char| letter.is_ascii_digit());
            format!("{before}prepared statement \"s#{after}")
        }
        None => message.to_string(),
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A connection with the task that drives it.
pub struct Session {
    pub client: tokio_postgres::Client,
    pub messages: UnboundedReceiver<AsyncMessage>,
    /// What the server reported at login.
    pub parameters: Vec<String>,
}

fn env(name: &str, otherwise: &str) -> String {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => value,
        _ => otherwise.to_string(),
    }
}

pub fn user() -> String {
    env("PGUSER", "postgres")
}

/// Where to connect to and as whom; nothing else.
pub fn config() -> Config {
    let mut config = Config::new();
    config
        .host(env("PGHOST", "127.0.0.1"))
        .port(env("PGPORT", "5432").parse().expect("PGPORT"))
        .user(user())
        .password(env("PGPASSWORD", ""))
        .dbname(env("PGDATABASE", "postgres"));
    config
}

const REPORTED: [&str; 10] = [
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "integer_datetimes",
    "IntervalStyle",
    "server_encoding",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
];

impl Session {
    pub async fn open(config: &Config) -> Result<Session, tokio_postgres::Error> {
        let (client, mut connection) = config.connect(NoTls).await?;
        let parameters = REPORTED
            .iter()
            .map(|name| format!("{name} = {:?}", connection.parameter(name)))
            .collect();
        let (sender, messages) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) =
                std::future::poll_fn(|context| connection.poll_message(context)).await
            {
                let _ = sender.send(message);
            }
        });
        Ok(Session { client, messages, parameters })
    }
}

pub struct Client {
    pub number: usize,
    pub round: usize,
    pub failed: bool,
    text: String,
    prefix: String,
    main: Option<Session>,
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
    pub async fn main(&mut self) -> Result<Session, tokio_postgres::Error> {
        match self.main.take() {
            Some(session) => Ok(session),
            None => Session::open(&config()).await,
        }
    }

    pub fn keep(&mut self, session: Session) -> Outcome {
        self.main = Some(session);
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
                match error.downcast_ref::<tokio_postgres::Error>() {
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
        future: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Outcome {
        match future.await {
            Ok(_) => Err(format!("{what} did not fail").into()),
            Err(error) => {
                self.error(what, &error);
                Ok(())
            }
        }
    }

    pub fn error(&mut self, what: &str, error: &tokio_postgres::Error) {
        let Some(db) = error.as_db_error() else {
            let source = error.source().map(ToString::to_string);
            return self.line(format!("{what}: {error} {source:?}"));
        };
        let message = masked(db.message());
        self.line(format!("{what}: {} {} {message}", db.severity(), db.code().code()));
        self.line(format!(
            "  {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            db.detail(),
            db.hint(),
            db.position(),
            db.where_(),
            db.schema(),
            db.table(),
            db.column(),
            db.datatype(),
            db.constraint()
        ));
    }

    /// Column names and types, and the rows' bytes; text is shown as text.
    pub fn rows(&mut self, rows: &[Row]) -> Outcome {
        if let Some(row) = rows.first() {
            let head = row.columns().iter().fold(String::new(), |mut text, column| {
                let _ = write!(text, " {}:{}", column.name(), column.type_());
                text
            });
            self.line(format!("  columns{head}"));
        }
        for row in rows {
            let mut line = String::from("  row");
            for (i, column) in row.columns().iter().enumerate() {
                let text = [Type::TEXT, Type::NAME, Type::VARCHAR].contains(column.type_());
                let value = match row.try_get::<_, Option<Raw>>(i)? {
                    None => "NULL".to_string(),
                    Some(raw) if text => String::from_utf8_lossy(&raw.0).into_owned(),
                    Some(raw) => hex(&raw.0),
                };
                let _ = write!(line, " | {value}");
            }
            self.line(line);
        }
        self.line(format!("  rows {}", rows.len()));
        Ok(())
    }

    /// What a simple query answered.
    pub fn replies(&mut self, messages: &[SimpleQueryMessage]) {
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
                    self.line(format!("  columns {names:?}"));
                }
                SimpleQueryMessage::Row(row) => {
                    let values: Vec<Option<&str>> = (0..row.len()).map(|i| row.get(i)).collect();
                    self.line(format!("  row {values:?}"));
                }
                SimpleQueryMessage::CommandComplete(count) => {
                    self.line(format!("  complete {count}"));
                }
                _ => self.line("  another message"),
            }
        }
    }
}

/// First column of the first row of a statement without parameters, as text.
pub async fn value(
    client: &tokio_postgres::Client,
    sql: &str,
) -> Result<String, tokio_postgres::Error> {
    for message in client.simple_query(sql).await? {
        if let SimpleQueryMessage::Row(row) = message {
            return Ok(row.get(0).unwrap_or("NULL").to_string());
        }
    }
    Ok("(no row)".to_string())
}
