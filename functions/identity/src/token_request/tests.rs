use super::*;

/// What was read, shortly.
fn read(form: &str, authorization: Option<&str>) -> Result<String, Code> {
    let form = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    match TokenRequest::read(form, authorization.map(str::as_bytes)) {
        Ok(TokenRequest { credential, scope }) => {
            let credential = match credential {
                Credential::Secret { client, secret } => format!("{client}:{}", secret.expose()),
                Credential::Assertion { client, text, is_grant } => {
                    format!(
                        "{}<{}>{}",
                        client.unwrap_or_default(),
                        text.expose(),
                        if is_grant { "!" } else { "" }
                    )
                }
            };
            Ok(format!("{credential} {}", scope.unwrap_or_default()))
        }
        Err(Error::OAuth { code, detail }) => {
            assert!(detail.is_ascii() && !detail.contains(['"', '\\']), "RFC 6749 §5.2: {detail}");
            Err(code)
        }
        Err(other) => panic!("{other:?}"),
    }
}

const TYPE: &str = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
const BEARER: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
/// `a:b`, `a%2Db:c%5Fd`, `a`, `a&x=1:b`
const BASIC: &str = "Basic YTpi";
const ENCODED: &str = "basic YSUyRGI6YyU1RmQ=";
const NO_COLON: &str = "Basic YQ==";
const TWO_PAIRS: &str = "Basic YSZ4PTE6Yg==";

#[test]
fn each_way_to_say_who_one_is_is_read() {
    for (form, authorization, expected) in [
        ("grant_type=client_credentials".to_owned(), Some(BASIC), "a:b "),
        ("grant_type=client_credentials&client_id=a".to_owned(), Some(BASIC), "a:b "),
        ("grant_type=client_credentials&scope=x+y".to_owned(), Some(ENCODED), "a-b:c_d x y"),
        ("grant_type=client_credentials&client_id=a&client_secret=b&scope=".to_owned(), None, "a:b "),
        (
            "grant_type=client_credentials&client_id=a&client_secret=b&audience=x&audience=y".to_owned(),
            None,
            "a:b ",
        ),
        (format!("grant_type=client_credentials&{TYPE}&client_assertion=t"), None, "<t> "),
        (
            format!("grant_type=client_credentials&{TYPE}&client_assertion=t&client_id=a&scope=x"),
            None,
            "a<t> x",
        ),
        (format!("{BEARER}&assertion=t&scope=x"), None, "<t>! x"),
        (format!("{BEARER}&assertion=t&client_id=a"), None, "a<t>! "),
    ] {
        assert_eq!(read(&form, authorization).as_deref(), Ok(expected), "{form} {authorization:?}");
    }
}

#[test]
fn each_fault_has_its_code() {
    for (form, authorization, expected) in [
        (String::new(), None, Code::InvalidRequest),
        ("grant_type=".to_owned(), Some(BASIC), Code::InvalidRequest),
        ("grant_type=password&username=a&password=b".to_owned(), None, Code::UnsupportedGrantType),
        ("grant_type=refresh_token&refresh_token=x".to_owned(), Some(BASIC), Code::UnsupportedGrantType),
        ("grant_type=CLIENT_CREDENTIALS".to_owned(), Some(BASIC), Code::UnsupportedGrantType),
        (
            "grant_type=client_credentials&grant_type=client_credentials".to_owned(),
            Some(BASIC),
            Code::InvalidRequest,
        ),
        ("grant_type=client_credentials&scope=&scope=x".to_owned(), Some(BASIC), Code::InvalidRequest),
        ("grant_type=client_credentials".to_owned(), None, Code::InvalidClient),
        ("grant_type=client_credentials&client_id=a".to_owned(), None, Code::InvalidClient),
        ("grant_type=client_credentials".to_owned(), Some("Bearer x"), Code::InvalidClient),
        ("grant_type=client_credentials".to_owned(), Some("Basic"), Code::InvalidClient),
        ("grant_type=client_credentials".to_owned(), Some("Basic !"), Code::InvalidClient),
        ("grant_type=client_credentials".to_owned(), Some(NO_COLON), Code::InvalidClient),
        ("grant_type=client_credentials".to_owned(), Some(TWO_PAIRS), Code::InvalidClient),
        ("grant_type=client_credentials&client_id=c".to_owned(), Some(BASIC), Code::InvalidRequest),
        (
            "grant_type=client_credentials&client_id=a&client_secret=b".to_owned(),
            Some(BASIC),
            Code::InvalidRequest,
        ),
        ("grant_type=client_credentials&client_secret=b".to_owned(), None, Code::InvalidRequest),
        (
            format!("grant_type=client_credentials&{TYPE}&client_assertion=t"),
            Some(BASIC),
            Code::InvalidRequest,
        ),
        (
            format!("grant_type=client_credentials&{TYPE}&client_assertion=t&client_id=a&client_secret=b"),
            None,
            Code::InvalidRequest,
        ),
        (format!("grant_type=client_credentials&{TYPE}"), None, Code::InvalidRequest),
        ("grant_type=client_credentials&client_assertion=t".to_owned(), None, Code::InvalidRequest),
        (
            "grant_type=client_credentials&client_assertion=t&client_assertion_type=saml".to_owned(),
            None,
            Code::InvalidRequest,
        ),
        (BEARER.to_owned(), None, Code::InvalidRequest),
        (format!("{BEARER}&assertion=t"), Some(BASIC), Code::InvalidRequest),
        (format!("{BEARER}&assertion=t&client_secret=b"), None, Code::InvalidRequest),
        (format!("{BEARER}&assertion=t&{TYPE}&client_assertion=t"), None, Code::InvalidRequest),
    ] {
        assert_eq!(read(&form, authorization), Err(expected), "{form} {authorization:?}");
    }
}
