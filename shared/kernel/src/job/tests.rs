use std::collections::{BTreeSet, HashSet, VecDeque};

use uuid::Uuid;

use super::*;
use crate::id::Id as _;

const TERMS: Terms = Terms {
    time_limit: Duration::from_mins(10),
    retry: Retry { attempts_max: 2, base: Duration::from_secs(10), wait_max: Duration::from_mins(1) },
};

const T0: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn job(deadline: Option<Timestamp>) -> Job {
    let owner = Owner {
        kind: PrincipalKind::User,
        id: Uuid::from_u128(3),
        role: Role::Member,
        scope: "full".to_owned(),
    };
    let wanted = Wanted {
        id: JobId::from_uuid(Uuid::from_bytes([128; 16])),
        tenant_id: TenantId::from_uuid(Uuid::from_u128(2)),
        job_type: "demo.sleep",
        queue: "JOBS_QUEUE_URL",
        payload: "{}".to_owned(),
        owner,
        request_id: "request-1",
        due_at: T0,
        deadline,
    };
    Job::queued(wanted, T0)
}

fn failure() -> Failure {
    Failure { rule: "unavailable".to_owned(), detail: "it did not answer".to_owned() }
}

fn running() -> Job {
    match job(None).claim(T0, &TERMS) {
        Claim::Run(job) => *job,
        other => panic!("{other:?}"),
    }
}

/// What can be done to a job, by whom, whether or not it is allowed.
#[derive(Clone, Copy, Debug)]
enum Act {
    Claim,
    Renew,
    StaleRenew,
    End(u8),
    StaleEnd(u8),
    Cancel,
    Requeue,
    Undeliverable,
    Look,
    Pass(u64),
}

const ENDINGS: [fn() -> Ending; 6] = [
    || Ending::Done(Outcome::Inline("1".to_owned())),
    || Ending::Stumbled(failure()),
    || Ending::Failed(failure()),
    || Ending::Cancelled,
    || Ending::Expired,
    || Ending::HandedBack,
];

fn acts() -> Vec<Act> {
    let endings = 0..u8::try_from(ENDINGS.len()).unwrap();
    let mut acts = vec![
        Act::Claim,
        Act::Renew,
        Act::StaleRenew,
        Act::Cancel,
        Act::Requeue,
        Act::Undeliverable,
        Act::Look,
        Act::Pass(5),
        Act::Pass(40),
        Act::Pass(1000),
    ];
    acts.extend(endings.clone().map(Act::End));
    acts.extend(endings.map(Act::StaleEnd));
    acts
}

fn act(job: &Job, now: Timestamp, act: Act) -> Option<Job> {
    let stale = job.fence.wrapping_sub(1);
    match act {
        Act::Claim => match job.claim(now, &TERMS) {
            Claim::Run(next) | Claim::End(next, _) => Some(*next),
            Claim::Wait(_) | Claim::Drop => None,
        },
        Act::Renew => job.renewed(job.fence, None, None, now).ok(),
        Act::StaleRenew => job.renewed(stale, None, None, now).ok(),
        Act::End(which) => {
            job.ended(job.fence, ENDINGS[usize::from(which)](), &TERMS, now).ok().map(|(next, _)| next)
        }
        Act::StaleEnd(which) => {
            job.ended(stale, ENDINGS[usize::from(which)](), &TERMS, now).ok().map(|(next, _)| next)
        }
        Act::Cancel => job.cancelled(now).ok().flatten(),
        Act::Requeue => job.requeued(now).ok(),
        Act::Undeliverable => job.undeliverable(failure(), now),
        Act::Look => match job.look(now) {
            Look::End(next, _) | Look::Send(next, _) | Look::Later(next) => Some(*next),
            Look::Leave => None,
        },
        Act::Pass(_) => None,
    }
}

/// What must hold after anything that was done.
fn check(before: &Job, done: Act, after: &Job, now: Timestamp) {
    let case = format!("{done:?} at {now}\n{before:#?}\n{after:#?}");
    if before.status != after.status {
        let is_in_table =
            MOVES.iter().any(|(_, from, to)| from.contains(&before.status) && *to == after.status);
        assert!(is_in_table, "a move that is not in the table: {case}");
    }
    assert!(!matches!(done, Act::StaleRenew | Act::StaleEnd(_)), "a zombie has written: {case}");
    if matches!(done, Act::Renew | Act::End(_)) {
        assert!(before.lease_until.is_some_and(|until| now < until), "its lease was over: {case}");
    }
    assert!(after.fence >= before.fence && after.fence <= before.fence + 1, "{case}");
    let is_claimed = matches!(done, Act::Claim) && after.status == Status::Running;
    assert_eq!(after.fence > before.fence, is_claimed, "only a claim gives a token: {case}");
    assert!(after.attempts <= TERMS.retry.attempts_max, "{case}");
    assert_eq!(after.status.is_ended(), after.ended_at.is_some(), "{case}");
    assert_eq!(after.status.is_ended(), after.look_at.is_none(), "forgotten, or looked for in vain: {case}");
    assert_eq!(after.status == Status::Running, after.lease_until.is_some(), "{case}");
    assert!(after.cancel_requested_at.is_none() || after.status == Status::Running, "{case}");
    if is_claimed && before.status == Status::Running {
        assert!(before.lease_until.unwrap() <= now, "two workers at once: {case}");
    }
    if before.cancel_requested_at.is_some() && after.status != before.status {
        assert!(is_claimed || after.status.is_ended(), "an accepted cancellation is forgotten: {case}");
    }
    if before.status.is_ended() {
        assert!(matches!(done, Act::Requeue), "what has ended has changed: {case}");
    }
}

#[test]
fn no_sequence_of_acts_breaks_an_invariant() {
    // A job's own clock matters, not the hour: states are told apart by what they are now.
    let shape = |job: &Job, now: Timestamp| {
        let since =
            |at: Option<Timestamp>| at.map(|at| (at.millis() - now.millis()).clamp(-61_000, 1_900_000));
        format!(
            "{:?} {} {} {:?} {:?} {:?} {:?} {} {:?}",
            job.status,
            job.attempts,
            job.is_handed_back,
            since(Some(job.due_at)),
            since(job.lease_until),
            since(job.look_at),
            job.deadline.map(|_| since(job.deadline)),
            job.is_swept,
            job.cancel_requested_at.is_some(),
        )
    };
    let (mut seen, mut statuses) = (HashSet::new(), BTreeSet::new());
    let starts = [job(None), job(Some(T0 + Duration::from_mins(1)))];
    let mut waiting: VecDeque<(Job, Timestamp, u32)> = starts.map(|job| (job, T0, 0)).into();
    while let Some((job, now, depth)) = waiting.pop_front() {
        if depth > 9 || !seen.insert(shape(&job, now)) {
            continue;
        }
        statuses.insert(job.status);
        for done in acts() {
            if let Act::Pass(seconds) = done {
                waiting.push_back((job.clone(), now + Duration::from_secs(seconds), depth + 1));
            } else if let Some(next) = act(&job, now, done) {
                check(&job, done, &next, now);
                waiting.push_back((next, now, depth + 1));
            }
        }
    }
    assert_eq!(statuses.len(), Status::ALL.len(), "not every status was reached: {statuses:?}");
    assert!(seen.len() > 2_000, "only {} states were looked at", seen.len());
}

#[test]
fn every_status_is_reached_and_left_as_the_table_says() {
    let reached: BTreeSet<Status> = MOVES.iter().map(|(_, _, to)| *to).collect();
    assert_eq!(reached, Status::ALL.into());
    // A move that is new is missing here, and does not compile.
    let next = |happening: &Move| match happening {
        Move::Claim => Some(Move::HandBack),
        Move::HandBack => Some(Move::Succeed),
        Move::Succeed => Some(Move::Fail),
        Move::Fail => Some(Move::Retry),
        Move::Retry => Some(Move::Die),
        Move::Die => Some(Move::Cancel),
        Move::Cancel => Some(Move::Expire),
        Move::Expire => Some(Move::Requeue),
        Move::Requeue => None,
    };
    for happening in std::iter::successors(Some(Move::Claim), next) {
        assert_eq!(MOVES.iter().filter(|(of, ..)| *of == happening).count(), 1, "{happening:?}");
    }
    for status in Status::ALL {
        assert_eq!(status.name().parse::<Status>().unwrap(), status);
        let wanted_again = status.after(Move::Requeue).is_some();
        assert_eq!(status.is_ended(), wanted_again || status == Status::Succeeded, "{status}");
    }
}

#[test]
fn a_claim_waits_for_whoever_has_it_and_for_its_time() {
    let mut later = job(None);
    later.wait_until(T0 + Duration::from_secs(7), T0);
    assert_eq!(later.claim(T0, &TERMS), Claim::Wait(Duration::from_secs(7)));
    assert!(matches!(later.claim(T0 + Duration::from_secs(7), &TERMS), Claim::Run(_)));

    let running = running();
    assert_eq!((running.fence, running.attempts, running.status), (1, 1, Status::Running));
    assert_eq!(running.claim(T0 + Duration::from_secs(10), &TERMS), Claim::Wait(Duration::from_secs(20)));
    let Claim::Run(second) = running.claim(T0 + LEASE, &TERMS) else { panic!("the lease is over") };
    assert_eq!((second.fence, second.attempts), (2, 2));
    let Claim::End(dead, Move::Die) = second.claim(T0 + LEASE * 2, &TERMS) else {
        panic!("there are two attempts")
    };
    assert_eq!((dead.status, &dead.failure), (Status::Dead, &Some(Failure::vanished())));
    assert_eq!(dead.requeued(T0).unwrap().attempts, 0);
}

#[test]
fn an_attempt_that_was_handed_back_is_the_same_attempt() {
    let (queued, happening) = running().ended(1, Ending::HandedBack, &TERMS, T0).unwrap();
    assert_eq!((queued.status, happening, queued.due_at), (Status::Queued, Move::HandBack, T0));
    let wait = Duration::from_secs(100);
    let Claim::Run(again) = queued.claim(T0 + wait, &TERMS) else { panic!("{queued:?}") };
    assert_eq!((again.attempts, again.fence), (1, 2));
    assert_eq!(again.attempt_began_at, Some(T0 + wait), "the wait is none of its time");
}

#[test]
fn attempts_are_spent_one_by_one() {
    let (retrying, happening) = running().ended(1, Ending::Stumbled(failure()), &TERMS, T0).unwrap();
    assert_eq!((retrying.status, happening), (Status::Retrying, Move::Retry));
    assert_eq!(retrying.due_at, T0 + Duration::from_secs(5), "half of ten seconds");
    let Claim::Run(last) = retrying.claim(retrying.due_at, &TERMS) else { panic!("{retrying:?}") };
    let (dead, happening) = last.ended(2, Ending::Stumbled(failure()), &TERMS, T0).unwrap();
    assert_eq!((dead.status, happening, dead.failure), (Status::Dead, Move::Die, Some(failure())));
}

#[test]
fn a_zombie_is_told_so() {
    let running = running();
    let Claim::Run(taken) = running.claim(T0 + LEASE, &TERMS) else { panic!("the lease is over") };
    let lost = LostLease::Taken { held: 1, current: 2 };
    assert_eq!(taken.renewed(1, None, None, T0 + LEASE), Err(lost));
    assert_eq!(taken.ended(1, Ending::Cancelled, &TERMS, T0 + LEASE), Err(lost));
    assert_eq!(lost.to_string(), "the lease was lost: the job has the token 2, and the worker 1");
    let lapsed = LostLease::Lapsed { at: T0 + LEASE };
    assert_eq!(running.renewed(1, None, None, T0 + LEASE), Err(lapsed));
    assert_eq!(running.ended(1, Ending::Cancelled, &TERMS, T0 + LEASE), Err(lapsed));
    assert!(running.renewed(1, None, None, T0 + LEASE - Duration::from_millis(1)).is_ok());
}

#[test]
fn who_runs_is_asked_to_stop_and_who_waits_is_stopped() {
    let waiting = job(None).cancelled(T0).unwrap().unwrap();
    assert_eq!(waiting.status, Status::Cancelled);
    let asked = running().cancelled(T0).unwrap().unwrap();
    assert_eq!((asked.status, asked.cancel_requested_at), (Status::Running, Some(T0)));
    assert_eq!(asked.cancelled(T0).unwrap(), None);
    for ending in [Ending::Stumbled(failure()), Ending::HandedBack, Ending::Cancelled] {
        assert_eq!(asked.ended(1, ending, &TERMS, T0).unwrap().1, Move::Cancel, "it stays cancelled");
    }
    let (ended, _) = asked.ended(1, Ending::Cancelled, &TERMS, T0).unwrap();
    assert_eq!((ended.status, ended.cancel_requested_at), (Status::Cancelled, None));
    assert!(matches!(ended.cancelled(T0), Err(crate::Error::Conflict { rule: "job_has_ended", .. })));
    assert!(matches!(
        running().requeued(T0),
        Err(crate::Error::Conflict { rule: "job_cannot_be_retried", .. })
    ));
}

#[test]
fn the_sweeper_sends_what_nobody_has_begun_and_waits_for_what_is_far() {
    let fresh = job(None);
    assert_eq!(fresh.send_delay(T0), Some(Duration::ZERO));
    assert_eq!(fresh.look(T0 + Duration::from_secs(59)), Look::Leave);
    let Look::Send(swept, delay) = fresh.look(T0 + Duration::from_mins(1)) else { panic!("{fresh:?}") };
    assert_eq!((delay, swept.send_delay(T0)), (Duration::ZERO, None), "the relay leaves it to the sweeper");
    assert_eq!(swept.look_at, Some(T0 + Duration::from_mins(16)));

    let mut far = job(None);
    far.wait_until(T0 + Duration::from_hours(1), T0);
    assert_eq!((far.send_delay(T0), far.look(T0)), (None, Look::Leave));
    let Look::Send(_, delay) = far.look(T0 + Duration::from_mins(55)) else { panic!("{far:?}") };
    assert_eq!(delay, Duration::from_mins(5));

    let late = job(Some(T0 + Duration::from_secs(30)));
    let Look::End(expired, Move::Expire) = late.look(T0 + Duration::from_secs(30)) else {
        panic!("{late:?}")
    };
    assert_eq!(expired.status, Status::Expired);

    let running = running();
    assert_eq!(running.look(T0 + TERMS.time_limit), Look::Leave);
    assert!(matches!(running.look(T0 + TERMS.time_limit + LEASE), Look::Send(..)), "nobody has it any more");
}

#[test]
fn waits_double_up_to_the_longest() {
    for (attempts, share, seconds) in
        [(1, 255, 9.96), (2, 255, 19.92), (3, 128, 20.0), (4, 255, 59.77), (90, 0, 0.0)]
    {
        let wait = TERMS.retry.wait(attempts, share).as_secs_f64();
        assert!((wait - seconds).abs() < 0.01, "{attempts} {share}: {wait}");
    }
}
