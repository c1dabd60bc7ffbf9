//! The volunteer's page, on loopback beside the metrics: who was invited, what goes through, and who was refused why. No secrets, no
//! scripts, no addresses.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use umweg_io::{clock, metrics};

use crate::invites::book::{Book, Line};
use crate::{figures, words};

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta name=\"viewport\" content=\"width=device-width\">\n<meta http-equiv=\"refresh\" content=\"30\">\n<title>Invites · umweg-proxy</title>\n<style>\n\
html { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }\nbody { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }\n\
.wide { overflow-x: auto; }\ntable { border-collapse: collapse; width: 100%; }\ncaption { text-align: start; padding-block: .5rem; }\n\
th, td { text-align: start; padding: .4rem .8rem .4rem 0; border-block-end: 1px solid; }\n</style>\n</head>\n<body>\n<main>\n<h1>Invites</h1>\n";

/// `/`.
pub fn router(book: Arc<Book>) -> Router {
    Router::new().route(
        "/",
        get(async move || {
            let page = Html(page(&book.lines(clock::now()), &metrics::rendered()));
            ([(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store")], page).into_response()
        }),
    )
}

fn page(lines: &[Line], told: &str) -> String {
    let open: u32 = lines.iter().map(|line| line.counts.open).sum();
    let mut page = format!("{HEAD}<p>{}</p>\n", words::summary(lines.len(), open));
    if !lines.is_empty() {
        page.push_str(
            "<div class=\"wide\" role=\"region\" aria-label=\"Invites\" tabindex=\"0\">\n<table>\n<caption>What went through each invite. Months \
             and days are UTC's.</caption>\n<thead><tr><th scope=\"col\">Invite</th><th scope=\"col\">Connections now</th><th \
             scope=\"col\">Connections so far</th><th scope=\"col\">This month</th><th scope=\"col\">Bounds</th></tr></thead>\n<tbody>\n",
        );
        for Line { invite, counts } in lines {
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escaped(&invite.name),
                counts.open,
                counts.tunnels,
                crate::amount::Amount(counts.bytes),
                words::bounds(invite)
            );
        }
        page.push_str("</tbody>\n</table>\n</div>\n");
    }
    page.push_str("<h2>Since the proxy was started</h2>\n<table>\n<tbody>\n");
    for (words, value) in figures::in_words(told) {
        let _ = writeln!(page, "<tr><th scope=\"row\">{words}</th><td>{value}</td></tr>");
    }
    page.push_str("</tbody>\n</table>\n");
    page.push_str(
        "<p><code>umweg-proxy invite add NAME</code> makes one and shows its link, <code>umweg-proxy invite revoke NAME</code> cuts it at \
         once. The <a href=\"/metrics\">same numbers for Prometheus</a>.</p>\n</main>\n</body>\n</html>\n",
    );
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invites::Invite;
    use crate::invites::usage::Counts;

    #[test]
    fn names_are_text_and_secrets_are_not_shown() {
        let invite = Invite::new("<b>Ana & \"Co\"", &mut rand::rng());
        let secret = invite.path.clone();
        let counts = Counts { open: 1, tunnels: 2, bytes: 1_500, month: 0 };
        let shown = page(&[Line { invite, counts }], "umweg_proxy_invite_spent 3\n");
        assert!(
            shown.contains(
                "<th scope=\"row\">&lt;b&gt;Ana &amp; &quot;Co&quot;</th><td>1</td><td>2</td><td>1.5 kB</td><td>none</td>"
            )
        );
        assert!(!shown.contains(&secret[1..]) && !shown.contains("<script"));
        assert!(shown.contains("the invite's volume of the month was used up</th><td>3</td>"));
        assert!(page(&[], "").contains("Nobody is invited"));
    }
}
