//! What previews of telling shapes look like.

use std::fmt::Write;

use super::measurers::{Characters, Counted, Digits, Quarters};
use super::{PreviewStrategy, document, page, preview};
use crate::error::ErrorKind;
use crate::measure::SizeMeasurer;

fn show(json: &str, strategy: PreviewStrategy, max_size: usize) {
    let d = document(json);
    let r = preview(&d, strategy, &Characters, max_size);
    println!(
        "{strategy} {max_size} -> {} {:?}/{:?}\n  {}\n",
        r.preview_size,
        r.sampled_items,
        r.total_items,
        r.excerpt.text()
    );
}
fn users(n: usize) -> String {
    let mut s = String::from("{\"users\": [");
    for i in 0..n {
        if i > 0 {
            s.push_str(", ");
        }
        write!(s, "{{\"id\": {i}, \"name\": \"user {i}\", \"email\": \"user{i}@example.com\", \"score\": {}.5}}", i*7%100).unwrap();
    }
    s.push_str("]}");
    s
}

#[test]
fn look() {
    use PreviewStrategy::*;
    let u = users(10000);
    for l in [10, 12, 15, 25, 40, 60, 100, 200, 400, 1000] {
        show(&u, Sample, l);
    }
    for l in [10, 40, 100, 150, 200, 300, 400, 600, 1000, 2000] {
        show(&u, Summary, l);
    }
    let list = format!(
        "[{}]",
        (0..5)
            .map(|i| format!(
                "{{\"id\": {i}, \"body\": \"{}\", \"tags\": [{}]}}",
                "lorem ipsum ".repeat(100),
                (0..300)
                    .map(|i| i.to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            ))
            .collect::<Vec<_>>()
            .join(", ")
    );
    for l in [20, 60, 100, 300, 1000] {
        show(&list, Sample, l);
        show(&list, Summary, l);
        show(&list, Paginate, l);
    }
    let mixed = format!(
        "{{\"ok\": true, \"count\": 12, \"a\": \"{}\", \"rows\": {}, {}}}",
        "x".repeat(3000),
        u,
        (0..60)
            .map(|i| format!("\"key{i}\": {i}"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    for l in [60, 100, 300, 1000] {
        show(&mixed, Sample, l);
        show(&mixed, Summary, l);
        show(&mixed, Paginate, l);
    }
    let deep = format!(
        "{}{}{}",
        "[".repeat(500),
        "1, ".repeat(2000) + "1",
        "]".repeat(500)
    );
    for l in [60, 300] {
        show(&deep, Sample, l);
        show(&deep, Summary, l);
    }
    for l in [10, 60, 300] {
        show(&format!("\"{}\"", "some text\\n".repeat(300)), Summary, l);
    }
    show("123456789", Summary, 40);
    show("[1, 2, 3.5, null, \"x\"]", Summary, 400);
    show("[]", Summary, 400);
    show("{}", Summary, 4);
    let map = format!(
        "{{{}}}",
        (0..1000)
            .map(|i| format!("\"user-{i}\": {{\"age\": {i}, \"city\": \"Paris\"}}"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    for l in [60, 300, 1000] {
        show(&map, Summary, l);
        show(&map, Sample, l);
    }
}
