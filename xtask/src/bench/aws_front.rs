//! A front before the embedded cloud that answers repeated reads of secrets from memory.
//!
//! The cloud here is a debug build: it takes longer for one secret than a function takes to start. What is measured
//! is the function, so what it reads while it starts comes at once; everything else passes through.

use std::{
    collections::HashMap,
    io::{self, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use super::http1::{self, Message};
use crate::Result;

/// The operations of Secrets Manager that change nothing.
const READS: [&str; 2] = ["secretsmanager.GetSecretValue", "secretsmanager.BatchGetSecretValue"];

/// Where requests go, and what came back.
struct Front {
    cloud: SocketAddr,
    remembered: Mutex<HashMap<Vec<u8>, Arc<Message>>>,
}

/// Serves on a free port of the loopback interface until the process ends; answers its address.
pub(super) fn start(cloud: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let front = Arc::new(Front { cloud, remembered: Mutex::default() });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let front = Arc::clone(&front);
            // A bootstrap that is ended breaks its connections: no event.
            thread::spawn(move || front.serve(&stream));
        }
    });
    Ok(address)
}

impl Front {
    fn serve(&self, mut stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut requests = BufReader::new(stream);
        // Opened by the first request that is not answered from memory: whoever starts should not wait for it.
        let mut cloud = None;
        while let Some(request) = http1::read(&mut requests)? {
            let response = match self.recall(&request) {
                Some(response) => response,
                None => self.remember(&request, self.ask(&mut cloud, &request)?),
            };
            let headers = response.headers.iter();
            let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
            http1::write(&mut stream, &response.start, headers, &response.body)?;
        }
        Ok(())
    }

    /// Passes a request on over the connection in `cloud`, which is opened when there is none.
    fn ask(&self, cloud: &mut Option<BufReader<TcpStream>>, request: &Message) -> io::Result<Message> {
        if cloud.is_none() {
            let stream = TcpStream::connect(self.cloud)?;
            stream.set_nodelay(true)?;
            *cloud = Some(BufReader::new(stream));
        }
        let cloud = cloud.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let headers = request.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        http1::write(cloud.get_mut(), &request.start, headers, &request.body)?;
        http1::read(cloud)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn recall(&self, request: &Message) -> Option<Arc<Message>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get(&key(request)?).cloned()
    }

    /// Keeps the answer to a read; forgets all of them when a secret may have changed.
    fn remember(&self, request: &Message, response: Message) -> Arc<Message> {
        let response = Arc::new(response);
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        match key(request) {
            Some(key) if response.start.contains(" 200 ") => {
                remembered.insert(key, Arc::clone(&response));
            }
            None if operation(request).starts_with("secretsmanager.") => remembered.clear(),
            _ => {}
        }
        response
    }
}

/// What makes two reads the same, or `None` for anything but a read of secrets.
fn key(request: &Message) -> Option<Vec<u8>> {
    let operation = operation(request);
    READS.contains(&operation).then(|| [operation.as_bytes(), b"\n", &request.body].concat())
}

fn operation(request: &Message) -> &str {
    request.header("x-amz-target").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str, body: &str) -> Message {
        Message {
            start: "POST / HTTP/1.1".to_owned(),
            headers: vec![("X-Amz-Target".to_owned(), operation.to_owned())],
            body: body.as_bytes().to_vec(),
        }
    }

    fn answer(start: &str) -> Message {
        Message { start: start.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    fn front() -> Front {
        Front { cloud: ([127, 0, 0, 1], 1).into(), remembered: Mutex::default() }
    }

    #[test]
    fn a_secret_that_was_read_is_answered_from_memory_until_one_changes() {
        let front = front();
        let read = call("secretsmanager.GetSecretValue", "a");
        front.remember(&read, answer("HTTP/1.1 200 OK"));
        assert!(front.recall(&read).is_some());
        assert!(front.recall(&call("secretsmanager.GetSecretValue", "b")).is_none());
        let write = call("secretsmanager.PutSecretValue", "a");
        front.remember(&write, answer("HTTP/1.1 200 OK"));
        assert!(front.recall(&read).is_none());
    }

    #[test]
    fn refusals_and_items_are_always_asked_for() {
        let front = front();
        let read = call("secretsmanager.GetSecretValue", "a");
        front.remember(&read, answer("HTTP/1.1 400 Bad Request"));
        assert!(front.recall(&read).is_none());
        let item = call("DynamoDB_20120810.GetItem", "a");
        front.remember(&item, answer("HTTP/1.1 200 OK"));
        assert!(front.recall(&item).is_none());
    }
}
