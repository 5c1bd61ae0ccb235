//! A TCP proxy that cuts connections where a test wants it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Forwards to a port; what comes back is cut off once the budget is spent.
pub struct Proxy {
    pub port: u16,
    /// How many bytes of answers are still let through; negative: all.
    budget: Arc<AtomicI64>,
}

impl Proxy {
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let budget = Arc::new(AtomicI64::new(-1));
        let shared = Arc::clone(&budget);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                let (back, forth) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let budget = Arc::clone(&shared);
                std::thread::spawn(move || forward(forth, server, None));
                std::thread::spawn(move || forward(back, client, Some(&budget)));
            }
        });
        Self { port: own, budget }
    }

    /// Lets so many bytes of answers through, then cuts the connection once.
    pub fn cut_after(&self, bytes: i64) {
        self.budget.store(bytes, Ordering::SeqCst);
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, budget: Option<&AtomicI64>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let left = budget.map_or(-1, |budget| budget.load(Ordering::SeqCst));
        if left >= 0 && left < count as i64 {
            let _ = to.write_all(&buffer[..left as usize]);
            budget.unwrap().store(-1, Ordering::SeqCst);
            break;
        }
        if left >= 0 {
            budget.unwrap().fetch_sub(count as i64, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
