//! The parts that decide purely, without Python, store or clock: `cargo bench`, or `cargo bench -- tokens` for some.
#![allow(missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mcp_refcache::access::{
    AccessPolicy, DefaultActor, DefaultPermissionChecker, Glob, Permission, PermissionChecker,
};
use mcp_refcache::measure::{CharacterMeasurer, Encoding, SizeMeasurer, TokenMeasurer, Tokenizer};
use mcp_refcache::preview::{PreviewRequest, PreviewStrategy, default_generator};
use mcp_refcache::value::Document;
use serde_json::json;

/// JSON text of rows as tools return them, about 100 bytes each.
fn rows(count: usize) -> String {
    let rows: Vec<_> = (0..count)
        .map(|n| {
            json!({"id": n, "name": format!("user {n}"), "email": format!("user{n}@example.com"),
                "city": (["Boston", "Lagos", "Austin"][n % 3]), "score": n as f64 * 1.37})
        })
        .collect();
    json!(rows).to_string()
}

fn tokens(criterion: &mut Criterion) {
    let encoding = Encoding::o200k_base();
    let texts = [
        ("rows", rows(5_000)),
        (
            "English",
            "It was the best of times, it was the worst of times. ".repeat(5_000),
        ),
        ("one letter", "a".repeat(250_000)),
    ];
    let mut group = criterion.benchmark_group("tokens");
    for (name, text) in &texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), text, |bencher, text| {
            bencher.iter(|| encoding.count_tokens(black_box(text)).unwrap());
        });
    }
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse and index");
    for count in [10, 10_000] {
        let text = rows(count);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("rows", count), &text, |bencher, text| {
            bencher.iter(|| Document::parse(black_box(text)).unwrap());
        });
    }
}

/// Previews of a document that nobody has looked at, and again of one whose size is known.
fn previews(criterion: &mut Criterion) {
    let text = rows(10_000);
    let tokens = TokenMeasurer::new(Encoding::o200k_base());
    let measurers: [(&str, &dyn SizeMeasurer); 2] =
        [("characters", &CharacterMeasurer), ("tokens", &tokens)];
    let mut group = criterion.benchmark_group("preview");
    for strategy in [
        PreviewStrategy::Sample,
        PreviewStrategy::Truncate,
        PreviewStrategy::Paginate,
        PreviewStrategy::Summary,
    ] {
        for (unit, measurer) in measurers {
            let show = |document: &Arc<Document>| {
                let request = PreviewRequest {
                    document,
                    max_size: 1_000,
                    measurer,
                    page: None,
                    page_size: None,
                };
                default_generator(strategy).generate(&request).unwrap()
            };
            let name = format!("{} in {unit}", strategy.as_str());
            group.bench_function(format!("{name}, first"), |bencher| {
                bencher.iter_batched(
                    || Arc::new(Document::parse(&text).unwrap()),
                    |document| show(&document),
                    BatchSize::LargeInput,
                );
            });
            let known = Arc::new(Document::parse(&text).unwrap());
            show(&known);
            group.bench_function(format!("{name}, again"), |bencher| {
                bencher.iter(|| show(black_box(&known)));
            });
        }
    }
}

fn pages(criterion: &mut Criterion) {
    let document = Arc::new(Document::parse(&rows(10_000)).unwrap());
    let mut group = criterion.benchmark_group("page of 20");
    for page in [1, 250, 500] {
        group.bench_with_input(BenchmarkId::from_parameter(page), &page, |bencher, page| {
            let request = PreviewRequest {
                document: &document,
                max_size: 10_000,
                measurer: &CharacterMeasurer,
                page: Some(*page),
                page_size: Some(20),
            };
            bencher.iter(|| {
                default_generator(PreviewStrategy::Paginate)
                    .generate(black_box(&request))
                    .unwrap()
            });
        });
    }
}

fn access(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("access");
    let glob = Glob::new("agent:team-*-[a-f]?-*");
    group.bench_function("one glob", |bencher| {
        bencher.iter(|| glob.matches(black_box("agent:team-blue-c7-claude")));
    });
    let denied: Vec<_> = (0..100).map(|n| format!("agent:blocked-{n}-*")).collect();
    let policy = AccessPolicy::public().with_denied_actors(denied);
    let (checker, actor) = (
        DefaultPermissionChecker::default(),
        DefaultActor::agent("claude-instance-1", None::<&str>),
    );
    group.bench_function("100 deny globs", |bencher| {
        bencher.iter(|| {
            checker
                .check(black_box(&policy), Permission::READ, &actor, "public")
                .unwrap()
        });
    });
}

criterion_group!(pure, tokens, parse, previews, pages, access);
criterion_main!(pure);
