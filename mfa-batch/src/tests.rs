//! Who of a batch is told by whom. (In a file of its own: `model-suite` compiles the others over a scheduler's channels.)

use crate::runtime::{Arc, oneshot};
use crate::telling::{Others, Told};

/// Six who wait for an answer, and those who are to be told.
fn six() -> (Vec<oneshot::Receiver<Told<usize>>>, Arc<Others<usize>>) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..6).map(|_| oneshot::channel()).unzip();
    (receivers, Others::new(senders.into_iter().zip(0..6)))
}

/// Who has been told by now, and has not been asked for it.
fn told(receivers: &mut [oneshot::Receiver<Told<usize>>]) -> Vec<usize> {
    // Only looked at: nothing is passed on.
    receivers.iter_mut().filter_map(|receiver| receiver.try_recv().ok()).map(|told| told.answer).collect()
}

#[test]
fn one_is_told_and_tells_two_who_tell_the_others() {
    let (mut receivers, others) = six();
    others.tell(1);
    let first = receivers[0].try_recv().unwrap();
    assert_eq!(told(&mut receivers), [], "nobody but the first");
    assert_eq!(first.pass_on(), 0);
    let second = receivers[1].try_recv().unwrap();
    assert_eq!(told(&mut receivers), [2], "no more than two, in their order");
    assert_eq!(second.pass_on(), 1);
    assert_eq!(told(&mut receivers), [3, 4]);
    others.tell(usize::MAX);
    assert_eq!(told(&mut receivers), [5]);
}

#[test]
fn who_has_stopped_waiting_is_left_out_and_is_nobody_to_pass_it_on() {
    let (mut receivers, others) = six();
    drop(receivers.drain(..2));
    others.tell(1);
    let first = receivers[0].try_recv().unwrap();
    drop(receivers.remove(1));
    assert_eq!(first.pass_on(), 2);
    assert_eq!(told(&mut receivers), [4, 5]);
}

#[test]
fn who_was_not_told_hears_that_it_is_lost() {
    let (mut receivers, others) = six();
    others.tell(1);
    drop(others);
    let first = receivers.remove(0);
    drop(first);
    for receiver in &mut receivers {
        assert!(matches!(receiver.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
    }
}
