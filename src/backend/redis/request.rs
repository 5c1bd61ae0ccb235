//! What is asked of the server, and how it goes over the shared connection.

use ::redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use ::redis::{Cmd, Pipeline, RedisResult, Value};

use super::connect::Connection;
use super::errors;
use super::options::Node;
use super::scripts::Call;

/// What is asked of the server.
pub(super) enum Request<'a> {
    Command(&'a Cmd),
    Script(&'a Call),
    Several(&'a Pipeline),
    /// A transaction that ends with this script.
    Together(&'a Pipeline, &'a Call),
    /// A command for one node of a Cluster.
    At(&'a Cmd, &'a Node),
}

impl Connection {
    /// Sends a request and waits for its answer.
    pub(super) async fn answer(&mut self, request: &Request<'_>) -> RedisResult<Value> {
        match request {
            Request::Command(command) => self.command(command).await,
            Request::Script(call) => match self.command(call.short()).await {
                Err(error) if errors::is_unknown_script(&error) => {
                    self.command(&call.whole()).await
                }
                answer => answer,
            },
            Request::Several(commands) => self.commands(commands).await,
            // the rest of the transaction is done
            Request::Together(commands, call) => match self.commands(commands).await {
                Err(error) if errors::is_unknown_script(&error) => {
                    self.command(&call.whole()).await
                }
                answer => answer,
            },
            Request::At(command, (host, port)) => match self {
                Self::One(connection) => command.query_async(connection).await,
                #[cfg(all(unix, feature = "python"))]
                Self::Looped(connection) => command.query_async(connection).await,
                Self::Cluster(connection) => {
                    let node = SingleNodeRoutingInfo::ByAddress {
                        host: host.clone(),
                        port: *port,
                    };
                    let command = Cmd::clone(command);
                    let answer = connection.route_command(command, RoutingInfo::SingleNode(node));
                    answer.await?.extract_error()
                }
            },
        }
    }

    async fn commands(&mut self, commands: &Pipeline) -> RedisResult<Value> {
        match self {
            Self::One(connection) => commands.query_async(connection).await,
            Self::Cluster(connection) => commands.query_async(connection).await,
            #[cfg(all(unix, feature = "python"))]
            Self::Looped(connection) => commands.query_async(connection).await,
        }
    }

    async fn command(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
            #[cfg(all(unix, feature = "python"))]
            Self::Looped(connection) => command.query_async(connection).await,
        }
    }
}
