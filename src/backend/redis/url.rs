//! Options from one text: `redis://`, `rediss://`, `redis+sentinel://`, `redis+cluster://`, `unix:`.

use std::time::Duration;

use super::options::{Node, PORT, RedisOptions, SENTINEL_PORT, Servers, Tls};
use crate::error::{Error, Result};

impl RedisOptions {
    /// Options from a URL.
    ///
    /// | URL | means |
    /// |---|---|
    /// | `redis://[user[:password]@]host[:port][/db]` | one server; `rediss://`: with TLS; `valkey(s)://` too |
    /// | `redis+sentinel://host[:port],.../service[/db]` | the master that Sentinels know by that name |
    /// | `redis+cluster://host[:port],...` or `redis://` with several hosts | a Cluster |
    /// | `unix:///path/to/socket` | a socket file |
    ///
    /// After a `?`: `db`, `username`, `password`, `sentinel_username`, `sentinel_password`, `socket_timeout` (seconds),
    /// `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile` (PEM files), `ssl_cert_reqs=none` (insecure).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the text is none of these; the message
    /// does not repeat it, as it may hold a password.
    pub fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once(':').ok_or_else(unknown)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (protocol, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let mut options = Self::default();
        match protocol {
            "redis" | "valkey" | "unix" => {}
            "rediss" | "valkeys" => options.tls = Some(Tls::default()),
            _ => return Err(unknown()),
        }
        if protocol == "unix" || kind == "unix" {
            let path = options.sign_in(rest)?;
            options.servers = Servers::Socket(decoded(path)?.into());
        } else {
            options.locate(rest, kind)?;
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            options.set(name, decoded(value)?)?;
        }
        if options.is_cluster() && options.db != 0 {
            return Err(
                Error::invalid("a Redis Cluster has only database 0").with("db", options.db)
            );
        }
        Ok(options)
    }

    /// Takes user name and password from the front of an authority; what is left.
    fn sign_in<'a>(&mut self, authority: &'a str) -> Result<&'a str> {
        let Some((user, rest)) = authority.rsplit_once('@') else {
            return Ok(authority);
        };
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        self.username = Some(decoded(name)?).filter(|name| !name.is_empty());
        self.password = Some(decoded(password)?).filter(|password| !password.is_empty());
        Ok(rest)
    }

    fn locate(&mut self, rest: &str, kind: &str) -> Result<()> {
        // a slash in a password comes before the last @
        let path = rest.rfind('@').unwrap_or(0);
        let path = rest[path..].find('/').map_or(rest.len(), |at| path + at);
        let (authority, path) = rest.split_at(path);
        let hosts = self.sign_in(authority)?;
        let port = if kind == "sentinel" {
            SENTINEL_PORT
        } else {
            PORT
        };
        let mut nodes = hosts
            .split(',')
            .map(|host| node(host, port))
            .collect::<Result<Vec<_>>>()?;
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        self.servers = match kind {
            "sentinel" => Servers::Sentinel {
                sentinels: nodes,
                service: decoded(parts.next().ok_or_else(|| {
                    Error::invalid(
                        "a Sentinel URL names the service: redis+sentinel://host:26379/mymaster",
                    )
                })?)?,
            },
            "cluster" => Servers::Cluster(nodes),
            "" if nodes.len() > 1 => Servers::Cluster(nodes),
            "" => Servers::One(nodes.remove(0)),
            _ => return Err(unknown()),
        };
        if let Some(db) = parts.next() {
            self.db = number("db", db)?;
        }
        parts.next().map_or(Ok(()), |_| Err(unknown()))
    }

    fn set(&mut self, name: &str, value: String) -> Result<()> {
        if let Some(option) = name.strip_prefix("ssl_") {
            return self.tls.get_or_insert_default().set(option, value);
        }
        match name {
            "db" => self.db = number("db", &value)?,
            "username" => self.username = Some(value),
            "password" => self.password = Some(value),
            "sentinel_username" => self.sentinel_username = Some(value),
            "sentinel_password" => self.sentinel_password = Some(value),
            "socket_timeout" => {
                let seconds: f64 = number("socket_timeout", &value)?;
                self.socket_timeout = Duration::try_from_secs_f64(seconds)
                    .ok()
                    .filter(|timeout| !timeout.is_zero())
                    .ok_or_else(|| Error::invalid("socket_timeout must be more than 0 seconds"))?;
            }
            _ => {
                return Err(
                    Error::invalid("a Redis URL has no such parameter").with("parameter", name)
                );
            }
        }
        Ok(())
    }
}

impl Tls {
    /// What follows `ssl_` in the name of a parameter.
    fn set(&mut self, option: &str, value: String) -> Result<()> {
        match (option, &*value) {
            ("ca_certs", _) => self.ca_file = Some(value.into()),
            ("certfile", _) => self.cert_file = Some(value.into()),
            ("keyfile", _) => self.key_file = Some(value.into()),
            ("cert_reqs", "none") => self.insecure = true,
            ("cert_reqs", "required") => self.insecure = false,
            _ => {
                return Err(Error::invalid(
                    "of TLS a Redis URL says ssl_ca_certs, ssl_certfile, ssl_keyfile, ssl_cert_reqs=required or =none",
                ));
            }
        }
        Ok(())
    }
}

fn node(text: &str, port: u16) -> Result<Node> {
    let bare = |host: &str| {
        if host.is_empty() {
            "localhost".to_owned()
        } else {
            host.to_owned()
        }
    };
    let (host, given) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']').ok_or_else(unknown)?;
            (host, behind.strip_prefix(':').unwrap_or(""))
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let port = if given.is_empty() {
        port
    } else {
        number("port", given)?
    };
    Ok((bare(host), port))
}

fn number<T: std::str::FromStr>(name: &'static str, text: &str) -> Result<T> {
    text.parse()
        .map_err(|_| Error::invalid("not a number that fits").with(name, format_args!("{text:?}")))
}

/// Text without its `%xx`.
fn decoded(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = behind;
            continue;
        }
        let digits = behind
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok());
        let value = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(value.ok_or_else(unknown)?);
        rest = &behind[2..];
    }
    String::from_utf8(bytes).map_err(|_| unknown())
}

fn unknown() -> Error {
    Error::invalid(
        "not the URL of a Redis: redis://[user:password@]host[:port][/db], rediss:// with TLS, \
         redis+sentinel://host,host/service, redis+cluster://host,host or unix:///path \
         (special characters in a password as %xx)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_where_the_data_is() {
        for (url, shown) in [
            ("redis://", "redis://localhost:6379/0"),
            ("redis://h", "redis://h:6379/0"),
            ("redis://:p%40w@h:1/3", "redis://h:1/3"),
            ("rediss://u:p/w@[::1]:7/1", "rediss://[::1]:7/1"),
            ("valkey://h?db=4", "redis://h:6379/4"),
            ("redis://a,b:2", "redis+cluster://a:6379,b:2"),
            ("redis+cluster://a:1", "redis+cluster://a:1"),
            (
                "redis+sentinel://a,b:9/main/2",
                "redis+sentinel://a:26379,b:9/main/2",
            ),
            ("unix:///run/r.sock?db=1", "unix:///run/r.sock?db=1"),
            ("unix:/run/r.sock", "unix:///run/r.sock?db=0"),
            ("redis://h?ssl_cert_reqs=none", "rediss://h:6379/0"),
        ] {
            assert_eq!(
                RedisOptions::parse(url).unwrap().connection_info().url,
                shown,
                "{url}"
            );
        }
        let options = RedisOptions::parse("rediss://u:p%40w/x@h").unwrap();
        assert_eq!(options.username.as_deref(), Some("u"));
        assert_eq!(options.password.as_deref(), Some("p@w/x"));
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_a_password() {
        for url in [
            "",
            "redis",
            "http://u:secret@h",
            "redis://u:secret@h:x",
            "redis://u:secret@h/x",
            "redis://u:secret@h/0/1",
            "redis://u:secret%zz@h",
            "redis+sentinel://u:secret@h",
            "redis+cluster://u:secret@h/1",
            "redis+magic://u:secret@h",
            "redis://u:secret@h?pool=3",
            "redis://u:secret@h?socket_timeout=0",
        ] {
            let error = RedisOptions::parse(url).unwrap_err();
            assert!(!format!("{error:?}").contains("secret"), "{url}");
        }
    }
}
