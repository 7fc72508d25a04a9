//! Long work on a file for which nobody is waiting any more.

use std::{pin::pin, sync::mpsc, task::Poll};

use futures_util::poll;
use isems_core::{Batch, RedbRepository, Repository, simulation::SimulatedNode};
use tokio::{runtime::Builder, task};

#[test]
fn a_backup_that_nobody_waits_for_ends_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.redb");
    // The only thread is blocked, so that the backup starts after it was given up.
    Builder::new_current_thread().max_blocking_threads(1).build().unwrap().block_on(async {
        let repository = RedbRepository::open(folder.path().join("isems.redb")).unwrap();
        let measurements = SimulatedNode::new(1, 0, 1_700_000_000).take(10).collect();
        repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
        for is_given_up in [true, false] {
            let (release, held) = mpsc::channel::<()>();
            let holding = task::spawn_blocking(move || held.recv());
            {
                let mut backup = pin!(repository.backup(&path));
                assert!(matches!(poll!(&mut backup), Poll::Pending));
                drop(release);
                if !is_given_up {
                    assert_eq!(backup.await.unwrap().damages, []);
                }
            }
            assert!(holding.await.unwrap().is_err(), "it waited until it was released");
            task::spawn_blocking(|| ()).await.unwrap();
            assert_eq!(path.exists(), !is_given_up);
            let names = folder.path().read_dir().unwrap();
            assert_eq!(names.count(), if is_given_up { 1 } else { 2 }, "nothing unfinished is left");
        }
    });
}
