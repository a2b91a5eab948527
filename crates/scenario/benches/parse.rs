//! How long it takes to load a scenario file and to make its cases.
#![allow(missing_docs)] // what criterion's macros make

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use natbed_scenario::{Document, Source, load};

const TWO_HOMES: &str = include_str!("../tests/language/two-homes.yaml");

/// Two homes with any mapping and filtering each: the 81 cells of the outcome rule.
const NAT_MATRIX: &str = "\
natbed: 1
name: nat-matrix
lans:
  left:
    subnet: 192.168.1.0/24
    gateway: { nat: { mapping: \"${lm}\", filtering: \"${lf}\" } }
  right:
    subnet: 192.168.1.0/24
    gateway: { nat: { mapping: \"${rm}\", filtering: \"${rf}\" } }
hosts:
  a: { lan: left }
  b: { lan: right }
  server: { internet: 203.0.113.10, serve: { stun: {}, turn: { users: { u: p } } } }
sessions:
  call:
    between: [a, b]
    stun: [server]
    turn: [server]
    expect: { path: \"${oracle}\" }
matrix:
  lm: [eim, adm, apdm]
  lf: [eif, adf, apdf]
  rm: [eim, adm, apdm]
  rf: [eif, adf, apdf]
";

/// Two hosts and a matrix of 100 by 100 times.
fn ten_thousand() -> String {
    let values: Vec<String> = (1..=100).map(|value| value.to_string()).collect();
    let values = values.join(", ");
    format!(
        "natbed: 1\nname: many\nhosts: {{ a: {{ internet: 198.51.100.1 }}, b: {{ internet: 198.51.100.2 }} }}\n\
         sessions: {{ call: {{ between: [a, b], hold: \"${{h}}s\", start: {{ a: \"${{s}}ms\" }} }} }}\n\
         matrix: {{ h: [{values}], s: [{values}] }}\n"
    )
}

fn document(text: &str) -> Document {
    let source = Source { name: "bench.yaml".to_owned(), text: text.to_owned() };
    load(source).expect("the documents of this benchmark are valid")
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    let many = ten_thousand();
    let documents = [
        ("two-homes", TWO_HOMES, 1),
        ("matrix-81", NAT_MATRIX, 81),
        ("matrix-10000", &many, 10_000),
    ];
    for (name, text, cases) in documents {
        group.throughput(Throughput::Elements(cases));
        group.bench_function(name, |bencher| bencher.iter(|| document(black_box(text))));
    }
    group.finish();
    let matrix = document(NAT_MATRIX);
    criterion.bench_function("case", |bencher| bencher.iter(|| matrix.case(black_box(40))));
}

criterion_group!(benches, parse);
criterion_main!(benches);
