//! One redis-server.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mcp_refcache::backend::redis::{RedisOptions, RedisStore};

use super::free_port;

/// A running server; it is stopped when this is dropped.
pub struct Server {
    pub port: u16,
    pub folder: PathBuf,
    program: &'static str,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// Starts a server with further arguments, unless there is none on this machine.
    pub fn start(arguments: &[&str]) -> Option<Self> {
        Self::start_at("redis-server", free_port(), arguments)
    }

    pub fn start_at(program: &'static str, port: u16, arguments: &[&str]) -> Option<Self> {
        if !super::has(program) {
            return None;
        }
        let folder = std::env::temp_dir().join(format!("refcache-redis-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        let mut server = Self {
            port,
            folder,
            program,
            arguments: arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
            child: None,
        };
        server.run();
        Some(server)
    }

    /// Starts it again after [`Server::kill`].
    pub fn run(&mut self) {
        let mut command = Command::new(self.program);
        if self.program == "redis-sentinel" {
            command.args(&self.arguments);
        } else {
            let port = self.port.to_string();
            command
                .args(["--port", &port, "--save", "", "--appendonly", "no"])
                .args(["--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0"])
                .args(&self.arguments);
        }
        let log = std::fs::File::create(self.folder.join("log")).unwrap();
        command
            .current_dir(&self.folder)
            .stdout(log)
            .stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        wait_for("the server answers", || {
            std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    /// Ends the process at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn options(&self) -> RedisOptions {
        let mut options = RedisOptions::parse(&self.url()).unwrap();
        options.socket_timeout = Duration::from_secs(5);
        options
    }

    pub fn store(&self) -> RedisStore {
        RedisStore::new(self.options())
    }

    /// The answer to a command, by a client of its own.
    pub fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        ask(self.port, words)
    }
}

/// The answer of the server at a port to a command.
pub fn ask<T: redis::FromRedisValue>(port: u16, words: &[&str]) -> T {
    let client = redis::Client::open(("127.0.0.1", port)).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query(&mut connection).unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Waits until something is so.
pub fn wait_for(what: &str, mut so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "waited for: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
