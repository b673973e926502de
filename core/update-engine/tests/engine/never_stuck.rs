//! Whatever happens, in whatever order: a boot finds a whole slot, and the next release can still be installed.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof, proptest};
use update_engine::event::{Event, Request};
use update_engine::record::Phase;

use crate::device::{Device, version};

#[derive(Debug, Clone)]
enum Happening {
    Succeeds,
    FailsForNow,
    FailsThisWay,
    PowerCut,
    Blessed,
    Unhealthy,
    TimePasses,
    Publishes(u32),
    Asks(Request),
    ScheduleChanges,
    SettingsChange,
    MediumComes,
}

fn happening() -> impl Strategy<Value = Happening> {
    let minor = 0_u32..5;
    let requests = prop_oneof![
        Just(Request::Check),
        Just(Request::Start(None)),
        minor.clone().prop_map(|minor| Request::Start(Some(version(&format!("1.{minor}.0"))))),
        Just(Request::Pause),
        Just(Request::Cancel),
        Just(Request::Reboot),
        // Filled in from the device's boot entries.
        Just(Request::Rollback { to: None }),
        minor.clone().prop_map(|minor| Request::Pin(version(&format!("1.{minor}.0")))),
        Just(Request::Unpin),
        minor.clone().prop_map(|minor| Request::Forgive(version(&format!("1.{minor}.0")))),
    ];
    prop_oneof![
        8 => Just(Happening::Succeeds),
        1 => Just(Happening::FailsForNow),
        1 => Just(Happening::FailsThisWay),
        2 => Just(Happening::PowerCut),
        2 => Just(Happening::Blessed),
        1 => Just(Happening::Unhealthy),
        3 => Just(Happening::TimePasses),
        2 => minor.prop_map(Happening::Publishes),
        3 => requests.prop_map(Happening::Asks),
        1 => Just(Happening::ScheduleChanges),
        1 => Just(Happening::SettingsChange),
        1 => Just(Happening::MediumComes),
    ]
}

fn happen(device: &mut Device, happening: Happening) {
    match happening {
        Happening::Succeeds => {
            device.succeed();
        }
        Happening::FailsForNow => {
            device.fail(false);
        }
        Happening::FailsThisWay => {
            device.fail(true);
        }
        Happening::PowerCut => device.power_cycle(),
        Happening::Blessed => device.bless(),
        Happening::Unhealthy => device.fail_health(),
        Happening::TimePasses => device.wait(),
        Happening::Publishes(minor) => device.newest = version(&format!("1.{minor}.0")),
        Happening::ScheduleChanges => device.send(Event::ScheduleChanged).unwrap(),
        Happening::SettingsChange => device.send(Event::SettingsChanged).unwrap(),
        Happening::MediumComes => device.send(Event::MediumInserted).unwrap(),
        Happening::Asks(Request::Rollback { .. }) => {
            let good = |entry: &(&_, &Option<_>)| *entry.0 != device.running && entry.1.is_none();
            let to = device.entries.iter().find(good).map(|entry| *entry.0);
            // A refusal is an answer too.
            let _answer = device.ask(Request::Rollback { to });
        }
        Happening::Asks(request) => {
            let _answer = device.ask(request);
        }
    }
    if device.reboot_asked {
        device.power_cycle();
    }
    device.assert_bootable();
}

proptest! {
    #[test]
    fn no_order_of_events_leaves_a_device_that_cannot_start_or_cannot_update(
        happenings in vec(happening(), 0..120)
    ) {
        let mut device = Device::new();
        for happening in happenings {
            happen(&mut device, happening);
        }
        // From here on all goes well, and somebody wants the device to follow a new release.
        device.newest = version("2.0.0");
        for _ in 0..60 {
            device.ask(Request::Unpin).unwrap();
            if device.running == device.newest && device.record.phase == Phase::Idle {
                break;
            }
            if device.reboot_asked {
                device.power_cycle();
            } else if matches!(device.record.phase, Phase::Trial { .. }) {
                device.bless();
            } else if !device.succeed() && device.ask(Request::Start(None)).is_err() {
                device.wait();
            }
            device.assert_bootable();
        }
        assert_eq!(device.running, device.newest, "stuck: {device:?}");
    }
}
