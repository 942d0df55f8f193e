use std::cell::Cell;

use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use platform::argon2id::CURRENT;
use proptest::prelude::*;

use super::*;
use crate::password::NewPassword;

thread_local! {
    static HASHES: Cell<u32> = const { Cell::new(0) };
}

/// Called wherever a password is hashed.
pub(super) fn count_hash() {
    HASHES.set(HASHES.get() + 1);
}

fn hashes_in<T>(work: impl FnOnce() -> T) -> (T, u32) {
    let before = HASHES.get();
    let done = work();
    (done, HASHES.get() - before)
}

fn peppers(current: &str) -> Peppers {
    let text = format!(
        r#"{{"current": "{current}", "peppers": {{"p1": "{}", "p2": "{}"}}}}"#,
        URL_SAFE_NO_PAD.encode([1; 32]),
        URL_SAFE_NO_PAD.encode([2; 32]),
    );
    Peppers::from_json(&text).unwrap()
}

fn presented(text: &str) -> PresentedPassword {
    text.parse().unwrap()
}

fn imported(phc: &str) -> StoredHash {
    StoredHash { phc: phc.to_owned(), pepper_kid: None }
}

/// A hash under the first pepper with other parameters than today's.
fn made(password: &str, cost: Cost, salt: &[u8]) -> StoredHash {
    let output = argon2id(&presented(password), &[1; 32], cost, salt, 32).unwrap();
    let phc = Phc { cost, salt: salt.to_vec(), output }.to_string();
    StoredHash { phc, pepper_kid: Some("p1".parse().unwrap()) }
}

#[test]
fn a_hash_is_of_its_password_salt_and_pepper() {
    let password: NewPassword = "nine purple otters".parse().unwrap();
    let stored = hash(&password, &peppers("p1"), CURRENT, [9; 16]).unwrap();
    let start = "$argon2id$v=19$m=19456,t=2,p=1$CQkJCQkJCQkJCQkJCQkJCQ$";
    assert!(stored.phc.starts_with(start), "{}", stored.phc);
    assert_eq!(stored.pepper_kid.as_ref().map(Kid::as_str), Some("p1"));
    let others = [
        hash(&password, &peppers("p1"), CURRENT, [8; 16]).unwrap(),
        hash(&password, &peppers("p2"), CURRENT, [9; 16]).unwrap(),
        hash(&presented("nine purple otter"), &peppers("p1"), CURRENT, [9; 16]).unwrap(),
    ];
    for other in others {
        assert_ne!(stored.phc, other.phc);
    }
    assert_eq!(hash(&password, &peppers("p1"), CURRENT, [9; 16]).unwrap(), stored);
    assert!(!format!("{stored:?}").contains("argon2id"));
}

/// Each row: the stored hash, the peppers, the password presented, the verdict; and one hash for every verdict.
#[test]
fn verdicts_and_rehashes_each_after_exactly_one_hash() {
    let right = "nine purple otters";
    let of = |kid: &str| hash(&presented(right), &peppers(kid), CURRENT, [9; 16]).unwrap();
    let cheap = Cost { memory_kib: 64, passes: 1, lanes: 1 };
    let (small, short_salt) = (made(right, cheap, &[3; 16]), made(right, CURRENT, &[3; 8]));
    let swapped = StoredHash { pepper_kid: Some("p2".parse().unwrap()), ..of("p1") };
    // phc-winner-argon2's own test vector, and crypt_blowfish's.
    let plain =
        imported("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4");
    let bcrypt = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    let cases = [
        (of("p1"), "p1", right, Verdict::Right),
        (of("p1"), "p1", "nine purple otter", Verdict::Wrong),
        (of("p1"), "p1", "", Verdict::Wrong),
        (of("p1"), "p2", right, Verdict::RightButRehash),
        (of("p1"), "p2", "wrong", Verdict::Wrong),
        (swapped, "p2", right, Verdict::Wrong),
        (small.clone(), "p1", right, Verdict::RightButRehash),
        (small, "p1", "wrong", Verdict::Wrong),
        (short_salt, "p1", right, Verdict::RightButRehash),
        (plain.clone(), "p1", "password", Verdict::RightButRehash),
        (plain, "p1", "Password", Verdict::Wrong),
        (imported(&format!("$2a$05${bcrypt}")), "p1", "U*U", Verdict::RightButRehash),
        (imported(&format!("$2b$05${bcrypt}")), "p1", "U*U", Verdict::RightButRehash),
        (imported(&format!("$2y$05${bcrypt}")), "p1", "U*U", Verdict::RightButRehash),
        (imported(&format!("$2b$05${bcrypt}")), "p1", "U*V", Verdict::Wrong),
        (decoy(CURRENT), "p1", right, Verdict::Wrong),
        (decoy(CURRENT), "p1", "", Verdict::Wrong),
    ];
    for (stored, current, password, verdict) in cases {
        let (told, hashes) = hashes_in(|| verify(&presented(password), &stored, &peppers(current), CURRENT));
        assert_eq!(told, Ok(verdict), "{} {password}", stored.phc);
        assert_eq!(hashes, 1, "{} {password}", stored.phc);
    }
    assert_eq!(hashes_in(|| of("p1")).1, 1);
}

#[test]
fn the_decoy_costs_what_a_new_hash_costs() {
    let decoy = Phc::parse(&decoy(CURRENT).phc).unwrap();
    let new = hash(&presented("x"), &peppers("p1"), CURRENT, [0; 16]).unwrap();
    let new = Phc::parse(&new.phc).unwrap();
    assert_eq!(decoy.cost, new.cost);
    assert_eq!((decoy.salt.len(), decoy.output.len()), (new.salt.len(), new.output.len()));
}

#[test]
fn what_cannot_be_verified_is_an_error_of_ours_before_any_hash() {
    let lost = StoredHash { pepper_kid: Some("p9".parse().unwrap()), ..decoy(CURRENT) };
    let salt_and_hash = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let bcrypt = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    let argon2id = |head: &str| imported(&format!("$argon2id${head}${salt_and_hash}"));
    let cases = [
        (lost, HashError::UnknownPepper("p9".parse().unwrap())),
        (imported(""), HashError::Unreadable),
        (imported("plain"), HashError::Unreadable),
        (imported("$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$AAAA"), HashError::Unreadable),
        (imported("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$AAAA"), HashError::Unreadable),
        (argon2id("v=16$m=256,t=2,p=1"), HashError::Unreadable),
        (argon2id("v=19$m=256,p=1,t=2"), HashError::Unreadable),
        (argon2id("v=19$m=-1,t=2,p=1"), HashError::Unreadable),
        (argon2id("v=19$m=4294967295,t=2,p=1"), HashError::TooCostly),
        (argon2id("v=19$m=256,t=4000000,p=1"), HashError::TooCostly),
        (argon2id("v=19$m=256,t=2,p=5"), HashError::TooCostly),
        (imported(&format!("$2b$31${bcrypt}")), HashError::TooCostly),
        (imported(&format!("$2x$05${bcrypt}")), HashError::Unreadable),
        (imported("$2b$05$short"), HashError::Unreadable),
        (imported("$2b$05$ééééééééééééééééééééééééééé"), HashError::Unreadable),
    ];
    for (stored, error) in cases {
        let (told, hashes) = hashes_in(|| verify(&presented("x"), &stored, &peppers("p1"), CURRENT));
        assert_eq!((told, hashes), (Err(error), 0), "{}", stored.phc);
    }
    let told = verify(&presented("x"), &argon2id("v=19$m=1,t=1,p=1"), &peppers("p1"), CURRENT);
    assert_eq!(told, Err(HashError::Failed(argon2::Error::MemoryTooLittle)));
}

/// RFC 9106 §5.3. It has associated data, which ours has not, so it goes through the crate itself.
#[test]
fn the_crate_computes_the_rfc_s_vector() {
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(AssociatedData::new(&[4; 12]).unwrap())
        .output_len(32)
        .build()
        .unwrap();
    let mut tag = [0; 32];
    Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params)
        .unwrap()
        .hash_password_into(&[1; 32], &[2; 16], &mut tag)
        .unwrap();
    let expected = [
        0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b, 0x53, 0xc9, 0xd0,
        0x1e, 0xf0, 0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01, 0xe6, 0x59,
    ];
    assert_eq!(tag, expected);
}

proptest! {
    #[test]
    fn any_stored_text_is_read_or_refused(text in "(\\$argon2id\\$v=19\\$)?.{0,80}") {
        if let Some(parts) = Phc::parse(&text) {
            prop_assert!(parts.output.len() >= 16);
        }
    }
}
