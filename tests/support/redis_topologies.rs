//! Several servers that work together: Sentinel and Cluster.

use std::process::{Command, Stdio};
use std::time::Duration;

use mcp_refcache::backend::redis::{RedisOptions, RedisStore};

use super::free_port;
use super::redis::{Server, ask, wait_for};

/// A master, a replica, and three Sentinels that watch them.
pub struct Sentinels {
    pub servers: Vec<Server>,
    pub sentinels: Vec<Server>,
}

impl Sentinels {
    pub fn start() -> Option<Self> {
        let master = Server::start(&[])?;
        let port = master.port.to_string();
        let replica = Server::start(&["--replicaof", "127.0.0.1", &port])?;
        wait_for("the replica has its master", || {
            ask::<String>(replica.port, &["INFO", "replication"]).contains("master_link_status:up")
        });
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            let own = free_port();
            let path = std::env::temp_dir().join(format!("refcache-sentinel-{own}.conf"));
            let text = format!(
                "port {own}\nsentinel monitor main 127.0.0.1 {port} 2\nsentinel down-after-milliseconds main 500\n\
                 sentinel failover-timeout main 3000\n"
            );
            std::fs::write(&path, text).unwrap();
            let path = path.to_str().unwrap();
            sentinels.push(Server::start_at("redis-sentinel", own, &[path])?);
        }
        for sentinel in &sentinels {
            wait_for("the Sentinels know each other", || {
                let info: String = ask(sentinel.port, &["INFO", "sentinel"]);
                info.contains("slaves=1,sentinels=3")
            });
        }
        Some(Self {
            servers: vec![master, replica],
            sentinels,
        })
    }

    pub fn store(&self) -> RedisStore {
        RedisStore::new(self.options())
    }

    pub fn options(&self) -> RedisOptions {
        let hosts: Vec<_> = self
            .sentinels
            .iter()
            .map(|sentinel| format!("127.0.0.1:{}", sentinel.port))
            .collect();
        let url = format!("redis+sentinel://{}/main", hosts.join(","));
        RedisOptions::parse(&url).unwrap()
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for sentinel in &self.sentinels {
            let name = format!("refcache-sentinel-{}.conf", sentinel.port);
            let _ = std::fs::remove_file(std::env::temp_dir().join(name));
        }
    }
}

/// Three masters.
pub struct Cluster(pub Vec<Server>);

impl Cluster {
    pub fn start() -> Option<Self> {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            // the port of the cluster's own bus must be free as well
            let port = loop {
                let port = free_port();
                if port < 55_000
                    && std::net::TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok()
                {
                    break port;
                }
            };
            let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
            nodes.push(Server::start_at("redis-server", port, &arguments)?);
        }
        let hosts = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(hosts)
            .args(["--cluster-yes"])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
        for node in &nodes {
            wait_for("the Cluster is whole", || {
                ask::<String>(node.port, &["CLUSTER", "INFO"]).contains("cluster_state:ok")
            });
        }
        Some(Self(nodes))
    }

    pub fn options(&self) -> RedisOptions {
        let mut options =
            RedisOptions::parse(&format!("redis+cluster://127.0.0.1:{}", self.0[0].port)).unwrap();
        options.socket_timeout = Duration::from_secs(5);
        options
    }

    pub fn store(&self) -> RedisStore {
        RedisStore::new(self.options())
    }

    /// Moves a slot with all its keys to another node.
    pub fn move_slot(&self, slot: u16, from: usize, to: usize) {
        let target = self.begin_move(slot, from, to);
        let (slot, port) = (slot.to_string(), self.0[to].port.to_string());
        loop {
            let keys: Vec<String> = ask(
                self.0[from].port,
                &["CLUSTER", "GETKEYSINSLOT", &slot, "10"],
            );
            if keys.is_empty() {
                break;
            }
            let mut command = vec!["MIGRATE", "127.0.0.1", &*port, "", "0", "5000", "KEYS"];
            command.extend(keys.iter().map(|key| &**key));
            ask::<String>(self.0[from].port, &command);
            // readers shall meet every state of it
            std::thread::sleep(Duration::from_millis(50));
        }
        for node in [to, from] {
            let command = ["CLUSTER", "SETSLOT", &slot, "NODE", &target];
            ask::<String>(self.0[node].port, &command);
        }
    }

    /// Marks a slot as moving; the id of the node that it moves to.
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) -> String {
        let id = |node: usize| ask::<String>(self.0[node].port, &["CLUSTER", "MYID"]);
        let (source, target, slot) = (id(from), id(to), slot.to_string());
        for (node, state, other) in [(to, "IMPORTING", &source), (from, "MIGRATING", &target)] {
            let command = ["CLUSTER", "SETSLOT", &slot, state, other];
            ask::<String>(self.0[node].port, &command);
        }
        target
    }
}
