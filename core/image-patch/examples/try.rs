use image_patch::{apply::*, format::Header, make::*, source::ReadAt};
use std::{fs, io, os::unix::fs::FileExt, sync::atomic::AtomicBool, time::Instant};
struct F(fs::File, u64);
impl F {
    fn open(p: &str) -> Self {
        let f = fs::File::open(p).unwrap();
        let l = f.metadata().unwrap().len();
        F(f, l)
    }
}
impl ReadAt for F {
    fn length(&self) -> u64 {
        self.1
    }
    fn read_exact_at(&self, o: u64, b: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(b, o)
    }
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    // try OUT patch src...
    let output = F::open(&a[1]);
    let srcs: Vec<F> = a[3..].iter().map(|p| F::open(p)).collect();
    let refs: Vec<&dyn ReadAt> = srcs.iter().map(|s| s as &dyn ReadAt).collect();
    let salt = verity_tree::digest::Salt::new(vec![]).unwrap();
    let c = AtomicBool::new(false);
    let t = Instant::now();
    let p = make(
        &Input { sources: &refs, output: &output, salt: &salt },
        &Watch { progress: &|_, _| {}, cancelled: &c, threads: 2 },
    )
    .unwrap();
    println!("made {} bytes in {:.1}s", p.len(), t.elapsed().as_secs_f64());
    fs::write(&a[2], &p).unwrap();
    let t = Instant::now();
    let h = Header::parse_unverified(&p).unwrap();
    let ap = Applier::new(&h, &refs).unwrap();
    let mut b = FrameBuffer::default();
    let mut d = image_patch::frames::FrameSet::new(&h);
    for (i, f) in h.frames.iter().enumerate() {
        ap.make(i, &p[f.coded.start as usize..f.coded.end as usize], Written { output: &output, done: &d }, &mut b)
            .unwrap();
        d.insert(i);
    }
    println!(
        "{} frames, header {}, applied in {:.2}s",
        h.frames.len(),
        h.frames[0].coded.start,
        t.elapsed().as_secs_f64()
    );
}
