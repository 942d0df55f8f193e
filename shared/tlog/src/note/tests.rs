use super::*;

const FOO: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::new(name, &[seed; 32]).expect("it is a name")
}

#[test]
fn the_note_of_the_specification_opens() {
    let keys = [FOO.parse().unwrap()];
    let opened = open(NOTE, &keys).unwrap();
    assert_eq!(opened.text, "This is an example message.\n");
    let signature = Signature { name: "example.com/foo".into(), id: 0x530d_903a, timestamp: None };
    assert_eq!(opened.signatures, [signature]);
}

#[test]
fn a_known_key_must_have_signed_and_signed_this() {
    let keys = [FOO.parse().unwrap()];
    let changed = NOTE.replace("example message", "example  message");
    let error = open(&changed, &keys).unwrap_err();
    assert_eq!(error.to_string(), "the signature of example.com/foo (530d903a) is not over this text");
    let error = open(NOTE, &[key("example.com/foo", 1).verifier().clone()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the note is signed by none of the known keys, but by example.com/foo (530d903a)"
    );
    // Under its own name the same key is another.
    let renamed = NOTE.replace("\u{2014} example.com/foo", "\u{2014} example.com/bar");
    assert!(matches!(open(&renamed, &keys), Err(NoteError::NoKnownKey(_))));
    assert!(matches!(open(NOTE, &[]), Err(NoteError::NoKnownKey(_))));
}

#[test]
fn unknown_signatures_are_passed_over_and_each_key_counts_once() {
    let (one, two, unknown) = (key("one", 1), key("two", 2), key("one", 3));
    let note = sign("text\n\nmore\n", &[&unknown, &one, &two, &one]).unwrap();
    let opened = open(&note, &[one.verifier().clone(), two.verifier().clone()]).unwrap();
    assert_eq!(opened.text, "text\n\nmore\n");
    let names: Vec<&str> = opened.signatures.iter().map(|signature| signature.name.as_str()).collect();
    assert_eq!(names, ["one", "two"]);
    // The second signature of one key is not passed over when it is wrong.
    let wrong = append_signature(&note, &signature_line(one.verifier(), &[0; 64])).unwrap();
    assert!(matches!(open(&wrong, &[one.verifier().clone()]), Err(NoteError::BadSignature { .. })));
    assert!(open(&wrong, &[two.verifier().clone()]).is_ok());
}

#[test]
fn the_form_is_strict() {
    let keys = [FOO.parse().unwrap()];
    let line = NOTE.split_inclusive('\n').next_back().unwrap();
    let wrong = |note: &str| open(note, &keys).unwrap_err();
    assert_eq!(wrong(""), NoteError::Form);
    assert_eq!(wrong("text\n"), NoteError::Form);
    assert_eq!(wrong("text\n\n"), NoteError::Form);
    assert_eq!(wrong(&format!("text\n{line}")), NoteError::Form);
    assert_eq!(wrong(NOTE.trim_end()), NoteError::Form);
    assert_eq!(wrong(&format!("{NOTE}\n")), NoteError::Form);
    assert_eq!(wrong(&NOTE.replace('\n', "\r\n")), NoteError::Control(27));
    assert_eq!(wrong(&NOTE.replace("is an", "is\tan")), NoteError::Control(7));
    assert_eq!(wrong(&NOTE.replace('\u{2014}', "-")), NoteError::Line(1));
    assert_eq!(wrong(&format!("{NOTE}text\n")), NoteError::Line(2));
    assert_eq!(wrong(&format!("{NOTE}{}", line.replace("/foo", "/+foo"))), NoteError::Line(2));
    assert_eq!(wrong(&format!("{NOTE}{}", line.replace("/foo ", "/foo  "))), NoteError::Line(2));
    assert_eq!(wrong(&format!("{NOTE}{}", line.replace("QM=", "QN="))), NoteError::Line(2));
    assert_eq!(wrong(&format!("{NOTE}\u{2014} a AAAAAA==\n")), NoteError::Line(2));
}

#[test]
fn long_notes_are_refused_unread() {
    let keys = [FOO.parse().unwrap()];
    let line = NOTE.split_inclusive('\n').next_back().unwrap();
    assert!(open(&format!("{NOTE}{}", line.repeat(63)), &keys).is_ok());
    assert_eq!(open(&format!("{NOTE}{}", line.repeat(64)), &keys), Err(NoteError::TooMany));
    assert_eq!(open(&format!("{}{NOTE}", "x".repeat(BYTES_MAX)), &keys), Err(NoteError::TooLong));
}

#[test]
fn only_what_can_be_opened_is_signed() {
    let one = key("one", 1);
    assert_eq!(sign("text", &[&one]), Err(NoteError::Form));
    assert_eq!(sign("te\u{7}xt\n", &[&one]), Err(NoteError::Control(2)));
    assert_eq!(sign("text\n", &[]), Err(NoteError::Form));
    for text in [
        "\n",
        "text\n",
        "text\n\n",
        "\n\ntext\n",
        &format!("text\n\n{}", signature_line(one.verifier(), &[0; 64])),
    ] {
        let note = sign(text, &[&one]).unwrap();
        assert_eq!(open(&note, &[one.verifier().clone()]).unwrap().text, text, "{text:?}");
    }
}

#[test]
fn only_signatures_are_appended() {
    let line = NOTE.split_inclusive('\n').next_back().unwrap();
    let longer = append_signature(NOTE, &line.repeat(2)).unwrap();
    assert_eq!(longer, format!("{NOTE}{line}{line}"));
    for wrong in ["", "\n", "text\n", line.trim_end(), &format!("\n{line}"), &format!("{line}\n{line}")] {
        assert!(append_signature(NOTE, wrong).is_err(), "{wrong:?}");
    }
    assert!(append_signature("text\n", line).is_err());
}
