use std::fmt::Write as _;

use testkit::Answer;

use crate::boots::ready_app;

const NOTICE: &str = include_str!("../../assets/NOTICE");
const PAGE: &str = include_str!("../../assets/docs.html");
const FILES: [&str; 4] = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "docs.js"];

/// The values of the page's `src` and `href`.
fn references() -> Vec<&'static str> {
    let values = PAGE.split(['<', ' ']).filter_map(|part| {
        let value = part.strip_prefix("src=\"").or_else(|| part.strip_prefix("href=\""))?;
        value.split('"').next()
    });
    values.collect()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[tokio::test]
async fn the_page_names_only_what_is_served() {
    let app = ready_app().await;
    let page = app.get("/docs").await.expect(200);
    assert_eq!(page.body, PAGE.as_bytes());
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");

    let references = references();
    assert_eq!(references.len(), 5, "{references:?}");
    for reference in references {
        assert!(
            !reference.starts_with('/') && !reference.contains("://"),
            "{reference}: it would leave the stage"
        );
        // The page has no trailing slash: its URLs stand beside it.
        app.get(format!("/{reference}")).await.expect(200);
    }
}

#[tokio::test]
async fn the_page_runs_nothing_inline() {
    let app = ready_app().await;
    let page = app.get("/docs").await;
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!PAGE.contains("<style") && !PAGE.contains("style=") && !PAGE.contains(" on"));
    let scripts = PAGE.matches("<script").count();
    assert_eq!(PAGE.matches("\"></script>").count(), scripts, "none has a body");
}

#[tokio::test]
async fn files_are_what_they_were_when_they_were_vendored() {
    let app = ready_app().await;
    let version = NOTICE.strip_prefix("Swagger UI ").unwrap().split(',').next().unwrap();
    for file in &FILES[..3] {
        // Immutable, so the page must ask for another URL when they change.
        assert!(PAGE.contains(&format!("docs/{file}?v={version}\"")), "{file}");
        let answer = app.get(format!("/docs/{file}")).await.expect(200);
        assert!(answer.header("cache-control").contains("immutable"));
        let line = format!("{}  {file}", sha256(&answer.body));
        assert!(NOTICE.contains(&line), "{line}");
    }
    assert_eq!(app.get("/docs/docs.js").await.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn files_have_their_types() {
    let app = ready_app().await;
    for (file, content_type) in [
        ("swagger-ui.css", "text/css; charset=utf-8"),
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("docs.js", "text/javascript; charset=utf-8"),
        ("favicon-32x32.png", "image/png"),
    ] {
        let answer = app.get(format!("/docs/{file}")).await.expect(200);
        assert_eq!(answer.header("content-type"), content_type);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn a_file_goes_out_compressed_to_who_can_read_that() {
    let app = ready_app().await;
    for file in &FILES[..2] {
        let path = format!("/docs/{file}");
        let packed = app.get(&path).header("accept-encoding", "gzip, br").await.expect(200);
        let plain = app.get(&path).await.expect(200);
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert!(packed.body.starts_with(&[0x1f, 0x8b]));
        assert_eq!(plain.header("content-encoding"), "");
        assert!(plain.body.len() > 3 * packed.body.len());
        assert_ne!(packed.header("etag"), plain.header("etag"), "each form has its own tag");
        assert!(vary(&packed).contains("Accept-Encoding") && vary(&plain).contains("Accept-Encoding"));

        let known = app
            .get(&path)
            .header("accept-encoding", "gzip")
            .header("if-none-match", packed.header("etag"))
            .await
            .expect(304);
        assert!(known.body.is_empty() && known.header("content-encoding").is_empty());
        assert_eq!(known.header("cache-control"), packed.header("cache-control"));
        app.get(&path).header("if-none-match", packed.header("etag")).await.expect(200);
    }
}

fn vary(answer: &Answer) -> String {
    let values = answer.headers.get_all("vary").iter();
    values.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn there_are_no_other_files() {
    let app = ready_app().await;
    for file in ["index.html", "NOTICE", "swagger-ui.css.gz", "..%2FCargo.toml", "Docs.js", "%ff"] {
        app.get(format!("/docs/{file}")).await.problem(404);
    }
}
