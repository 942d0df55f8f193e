//! What a function does, out of what its constructor answers.

use platform::{
    BootError, Function,
    function::{ScheduleHandler, SqsHandler, StreamHandler},
};

/// What is done with messages of a queue.
///
/// # Panics
/// When the function cannot be built, or something else calls it.
pub fn sqs(built: Result<Function, BootError>) -> SqsHandler {
    match built {
        Ok(Function::Sqs(handler)) => handler,
        Ok(_) => panic!("it is behind no queue"),
        Err(error) => panic!("{error}"),
    }
}

/// What is done with records of a table's stream.
///
/// # Panics
/// When the function cannot be built, or something else calls it.
pub fn stream(built: Result<Function, BootError>) -> StreamHandler {
    match built {
        Ok(Function::Stream(handler)) => handler,
        Ok(_) => panic!("it is behind no stream"),
        Err(error) => panic!("{error}"),
    }
}

/// What is done when the clock says so.
///
/// # Panics
/// When the function cannot be built, or something else calls it.
pub fn schedule(built: Result<Function, BootError>) -> ScheduleHandler {
    match built {
        Ok(Function::Schedule(handler)) => handler,
        Ok(_) => panic!("it is behind no clock"),
        Err(error) => panic!("{error}"),
    }
}
