//! Update graphs from a server: refused, or without circles, dangling or doubled updates, and writing and reading again gives the same. A stream's
//! document leads nowhere but up.
#![no_main]

use std::collections::BTreeMap;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use release_graph::cincinnati::{Graph, choose};
use release_graph::next::{Device, next};
use release_metadata::share::Share;
use release_metadata::updates::Updates;
use release_metadata::{Architecture, RootHash};

fuzz_target!(|text: &str| {
    let _ = release_graph::wariness::of_query(text);
    let now = Timestamp::from_second(1_795_240_800).expect("a time");
    let half = Share::new(0.5).expect("a share");
    if let Ok(graph) = Graph::parse(text) {
        assert_eq!(Graph::parse(&graph.to_json()).expect("what was written can be read"), graph);
        assert!(graph.throttled(half, now).check().is_ok());
        let _ = graph.edges_by_policy();
        let _ = choose(&graph, RootHash([0; 32]), &BTreeMap::new(), None);
    }
    if let Ok(updates) = Updates::parse(text) {
        for release in updates.releases.iter().take(16) {
            let device = Device {
                stream: updates.stream.clone(),
                architecture: Architecture::X86_64,
                current: release.version,
                wariness: half,
                pin: None,
                bad: BTreeMap::new(),
            };
            let answer = next(&updates, &device, now).expect("the same stream");
            assert!(answer.next.is_none_or(|next| next > release.version));
            answer.refusals.iter().for_each(|refusal| drop(refusal.to_string()));
        }
    }
});
