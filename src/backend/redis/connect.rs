//! Making a connection: one server, the master that Sentinels name, or a Cluster; plain or with TLS.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::redis::aio::MultiplexedConnection;
use ::redis::cluster::ClusterClientBuilder;
use ::redis::cluster_async::ClusterConnection;
use ::redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use ::redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo, RedisError,
    RedisResult, TlsCertificates, TlsMode,
};
use ::rustls::crypto::{CryptoProvider, ring};

use super::super::Near;
use super::direct::Direct;
#[cfg(all(unix, feature = "python"))]
use super::looped::{Looped, Loops};
use super::options::{Node, RedisOptions, Servers, Tls};
use super::plain::Plain;
use super::watch::Watch;

/// An open connection. Clones share it; requests of all of them go over it one behind the other, and
/// answers come back in that order.
#[derive(Clone)]
pub(super) enum Connection {
    /// To one server.
    One(MultiplexedConnection),
    /// To the nodes of a Cluster.
    Cluster(ClusterConnection),
    /// To one server, for the tasks of one event loop.
    #[cfg(all(unix, feature = "python"))]
    Looped(Looped),
}

/// All ways to one server.
pub(super) struct Ways {
    pub(super) connection: Connection,
    /// For threads that may block.
    pub(super) direct: Option<Arc<Direct>>,
    /// For tasks of event loops.
    #[cfg(all(unix, feature = "python"))]
    pub(super) loops: Option<Arc<Loops>>,
    /// Hears what others change.
    pub(super) watch: Option<Arc<Watch>>,
}

/// Opens a connection; what changes at its server is taken away from `near`. `closed` is set when the server is found
/// gone. To be run on the runtime that shall drive the connection from then on.
pub(super) async fn connect(
    options: &RedisOptions,
    closed: Arc<AtomicBool>,
    near: Option<Arc<Near>>,
) -> RedisResult<Ways> {
    if options.tls.is_some() && CryptoProvider::get_default().is_none() {
        // somebody else may have been quicker: then theirs is used
        let _ = ring::default_provider().install_default();
    }
    let client = match &options.servers {
        Servers::One(node) => client(options, address(options, node))?,
        Servers::Socket(path) => client(options, ConnectionAddr::Unix(path.clone()))?,
        Servers::Sentinel { sentinels, service } => master(options, sentinels, service).await?,
        Servers::Cluster(nodes) => {
            let connection = cluster(options, nodes).await?;
            return Ok(Ways {
                connection: Connection::Cluster(connection),
                direct: None,
                #[cfg(all(unix, feature = "python"))]
                loops: None,
                watch: None,
            });
        }
    };
    let notice = move |push: PushInfo| {
        if push.kind == PushKind::Disconnection {
            closed.store(true, Ordering::Release);
        }
        Ok::<(), ::redis::aio::SendError>(())
    };
    // the time that an operation may take is watched by the link
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_push_sender(notice);
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    let limit = options.socket_timeout;
    let plain = Plain::of(&client);
    Ok(Ways {
        connection: Connection::One(connection.await?),
        #[cfg(all(unix, feature = "python"))]
        loops: plain
            .clone()
            .map(|server| Arc::new(Loops::to(server, limit))),
        direct: plain.map(|server| Arc::new(Direct::to(server, limit))),
        watch: near.map(|near| Arc::new(Watch::begin(client, near, limit))),
    })
}

fn client(options: &RedisOptions, address: ConnectionAddr) -> RedisResult<Client> {
    let info = info(options, address)?;
    match &options.tls {
        Some(tls) if !matches!(options.servers, Servers::Socket(_)) => {
            Client::build_with_tls(info, certificates(tls)?)
        }
        _ => Client::open(info),
    }
}

fn address(options: &RedisOptions, (host, port): &Node) -> ConnectionAddr {
    match &options.tls {
        None => ConnectionAddr::Tcp(host.clone(), *port),
        Some(tls) => ConnectionAddr::TcpTls {
            host: host.clone(),
            port: *port,
            insecure: tls.insecure,
            tls_params: None,
        },
    }
}

fn info(options: &RedisOptions, address: ConnectionAddr) -> RedisResult<ConnectionInfo> {
    // RESP3 tells when the connection ends, and can tell what other clients change
    let mut settings = RedisConnectionInfo::default()
        .set_db(options.db)
        .set_protocol(ProtocolVersion::RESP3);
    if let Some(name) = &options.username {
        settings = settings.set_username(name);
    }
    if let Some(password) = &options.password {
        settings = settings.set_password(password);
    }
    Ok(address.into_connection_info()?.set_redis_settings(settings))
}

fn certificates(tls: &Tls) -> RedisResult<TlsCertificates> {
    let client_tls = match (&tls.cert_file, &tls.key_file) {
        (Some(certificate), Some(key)) => Some(ClientTlsConfig {
            client_cert: file(certificate)?,
            client_key: file(key)?,
        }),
        (None, None) => None,
        _ => {
            return Err(RedisError::from((
                ErrorKind::InvalidClientConfig,
                "a TLS certificate of the client needs both its file and the file of its key",
            )));
        }
    };
    Ok(TlsCertificates {
        client_tls,
        root_cert: tls.ca_file.as_deref().map(file).transpose()?,
    })
}

fn file(path: &Path) -> RedisResult<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        RedisError::from((
            ErrorKind::InvalidClientConfig,
            "a file for TLS cannot be read",
            format!("{}: {error}", path.display()),
        ))
    })
}

fn mode(tls: &Tls) -> TlsMode {
    if tls.insecure {
        TlsMode::Insecure
    } else {
        TlsMode::Secure
    }
}

async fn master(options: &RedisOptions, sentinels: &[Node], service: &str) -> RedisResult<Client> {
    let sentinels = sentinels.iter().map(|node| address(options, node));
    let mut builder = SentinelClientBuilder::new(sentinels, service, SentinelServerType::Master)?
        .set_client_to_redis_db(options.db)
        .set_client_to_redis_protocol(ProtocolVersion::RESP3);
    if let Some(name) = &options.username {
        builder = builder.set_client_to_redis_username(name);
    }
    if let Some(password) = &options.password {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(name) = &options.sentinel_username {
        builder = builder.set_client_to_sentinel_username(name);
    }
    if let Some(password) = &options.sentinel_password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if let Some(tls) = &options.tls {
        builder = builder
            .set_client_to_redis_tls_mode(mode(tls))
            .set_client_to_redis_certificates(certificates(tls)?)
            .set_client_to_sentinel_tls_mode(mode(tls))
            .set_client_to_sentinel_certificates(certificates(tls)?);
    }
    builder.build()?.async_get_client().await
}

async fn cluster(options: &RedisOptions, nodes: &[Node]) -> RedisResult<ClusterConnection> {
    let nodes = nodes
        .iter()
        .map(|node| info(options, address(options, node)))
        .collect::<RedisResult<Vec<_>>>()?;
    let mut builder = ClusterClientBuilder::new(nodes)
        .use_protocol(ProtocolVersion::RESP3)
        // redirections count too; what waits for a slot that is half moved is soon asked another way
        .retries(6)
        .min_retry_wait(2)
        .max_retry_wait(40)
        .connection_timeout(options.socket_timeout)
        .response_timeout(options.socket_timeout);
    if let Some(tls) = &options.tls {
        builder = builder.tls(mode(tls)).certs(certificates(tls)?);
    }
    builder.build()?.get_async_connection().await
}
