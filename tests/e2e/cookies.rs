//! A browser's session.

use serde_json::json;

use super::{
    client::{Answer, Call, call, post},
    people::{PASSWORD, Person, text},
};

/// What a browser knows after a login.
struct Browser {
    cookies: String,
    csrf: String,
}

impl Browser {
    #[track_caller]
    fn of(answer: &Answer) -> Self {
        let mut cookies = Vec::new();
        for cookie in answer.headers.get_all("set-cookie") {
            let (pair, flags) =
                cookie.to_str().ok().and_then(|text| text.split_once("; ")).expect("a cookie");
            assert!(pair.starts_with("__Host-gw_"), "{pair}");
            for flag in ["Path=/", "HttpOnly", "Secure", "SameSite=Lax"] {
                assert!(flags.split("; ").any(|other| other == flag), "{flags}");
            }
            cookies.push(pair.to_owned());
        }
        assert_eq!(cookies.len(), 2, "{cookies:?}");
        Self { cookies: cookies.join("; "), csrf: text(&answer.json()["csrf_token"]) }
    }

    fn call(&self, method: &str, path: &str) -> Call {
        call(method, path).header("cookie", &self.cookies)
    }
}

#[test]
fn a_browser_s_session_is_changed_with_its_csrf_token_only() {
    let ann = Person::new();
    let login = json!({"email": ann.email, "password": PASSWORD, "session": "cookie"});
    let answer = post("/api/v1/auth/login").json(&login).send().expect(200);
    assert!(answer.json()["access_token"].is_null() && answer.json()["refresh_token"].is_null());
    let browser = Browser::of(&answer);
    assert_eq!(browser.call("GET", "/api/v1/me").send().expect(200).json()["username"], *ann.name);
    let end = || browser.call("DELETE", "/api/v1/me/sessions");
    end().send().problem(403);
    end().header("x-csrf-token", "another").send().problem(403);
    end().header("x-csrf-token", &browser.csrf).send().expect(204);
}

#[test]
fn cookies_are_refreshed_and_taken_away() {
    let ann = Person::new();
    let login = json!({"email": ann.email, "password": PASSWORD, "session": "cookie"});
    let first = Browser::of(&post("/api/v1/auth/login").json(&login).send().expect(200));
    let send = |browser: &Browser, path: &str| {
        browser.call("POST", path).header("x-csrf-token", &browser.csrf).json(&json!({})).send()
    };
    first.call("POST", "/api/v1/auth/refresh").json(&json!({})).send().problem(403);
    let next = Browser::of(&send(&first, "/api/v1/auth/refresh").expect(200));
    assert_eq!(next.csrf, first.csrf, "open pages go on");
    let gone = send(&next, "/api/v1/auth/logout").expect(204);
    let taken = gone.headers.get_all("set-cookie").iter();
    assert!(taken.filter_map(|cookie| cookie.to_str().ok()).all(|cookie| cookie.contains("Max-Age=0")));
    assert_eq!(gone.headers.get_all("set-cookie").iter().count(), 2);
}
