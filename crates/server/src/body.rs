//! Reading the bodies of requests within limits: of one body, of the time it takes, and of all that are held at once.
//!
//! A body is read before anybody has proved who they are, and one HTTP/2 connection may carry hundreds. So what all
//! bodies together hold is bounded. What every honest request needs is outside of that bound: nobody with a large body
//! keeps out those with a small one.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a client may take to send a body.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a body may have, in bytes, whatever others hold: a token has 16 KiB at most, and few requests have more.
const FREE: usize = 32 * 1024;

/// What all bodies of an address hold together beyond that, in bytes.
const HELD: usize = 64 * 1024 * 1024;

/// What is still read of a body that was refused, in bytes. A client that is still sending reads no answer, and to close
/// the connection under it makes it report a broken pipe instead of what was wrong.
const DISCARDED: usize = 16 * 1024 * 1024;

/// Reads the bodies of one address.
#[derive(Clone, Debug)]
pub struct BodyReader {
    /// The longest body, in bytes.
    max: usize,
    /// Bytes that may still be held.
    held: Arc<Semaphore>,
}

/// A body that was read. Its share is given back when this is dropped.
#[derive(Debug)]
pub struct HeldBody {
    /// The body.
    pub bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Longer than one may be.
    TooLong,
    /// Cut off, or not framed as HTTP frames it.
    Unreadable,
    /// Not sent in time.
    Late,
    /// Others hold all that may be held.
    Busy,
}

impl BodyReader {
    /// A reader of bodies of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { max, held: Arc::new(Semaphore::new(HELD)) }
    }

    /// Reads a body to its end.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn read<B>(&self, mut body: B) -> Result<HeldBody, BodyError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let read = tokio::time::timeout(TIMEOUT, self.collect(&mut body)).await.unwrap_or(Err(BodyError::Late));
        if matches!(read, Err(BodyError::TooLong | BodyError::Busy)) && announced(&body) <= DISCARDED {
            // However it ends, the answer is the same.
            let _ = tokio::time::timeout(TIMEOUT, discard(&mut body)).await;
        }
        read
    }

    async fn collect<B>(&self, body: &mut B) -> Result<HeldBody, BodyError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        // What says that it is too long need not be kept.
        if announced(body) > self.max {
            return Err(BodyError::TooLong);
        }
        let (mut bytes, mut share) = (BytesMut::new(), None);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::Unreadable)?.into_data() else { continue };
            let length = bytes.len() + data.len();
            if length > self.max {
                return Err(BodyError::TooLong);
            }
            self.hold(&mut share, length.saturating_sub(FREE))?;
            bytes.extend_from_slice(&data);
        }
        Ok(HeldBody { bytes: bytes.freeze(), _share: share })
    }

    /// Makes the share this large.
    fn hold(&self, share: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), BodyError> {
        let has = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = u32::try_from(bytes.saturating_sub(has)).map_err(|_| BodyError::TooLong)?;
        if more == 0 {
            return Ok(());
        }
        let more = Arc::clone(&self.held).try_acquire_many_owned(more).map_err(|_| BodyError::Busy)?;
        match share {
            Some(share) => share.merge(more),
            None => *share = Some(more),
        }
        Ok(())
    }
}

/// How much of a body is still to come at least, in bytes.
fn announced(body: &impl Body) -> usize {
    usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX)
}

/// Reads a body without keeping it.
async fn discard<B>(body: &mut B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut left = DISCARDED;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(less) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
        left = less;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    use super::*;

    const MAX: usize = 1024 * 1024;

    fn chunks(sizes: &[usize]) -> impl Body<Data = Bytes, Error = Infallible> + Unpin + use<> {
        let frames: Vec<_> = sizes.iter().map(|size| Ok(Frame::data(Bytes::from(vec![7; *size])))).collect();
        StreamBody::new(stream::iter(frames))
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_greatest_length_and_no_further() {
        let reader = BodyReader::new(MAX);
        assert_eq!(reader.read(chunks(&[])).await.unwrap().bytes.len(), 0);
        assert_eq!(reader.read(chunks(&[MAX / 2, MAX / 2])).await.unwrap().bytes.len(), MAX);
        assert_eq!(reader.read(chunks(&[MAX / 2, MAX / 2, 1])).await.unwrap_err(), BodyError::TooLong);
        let announced = Full::new(Bytes::from(vec![0; MAX + 1]));
        assert_eq!(reader.read(announced).await.unwrap_err(), BodyError::TooLong);
    }

    #[tokio::test]
    async fn the_pieces_of_a_body_are_read_in_their_order_however_many_there_are() {
        let reader = BodyReader::new(MAX);
        for pieces in [["abc", "", ""], ["", "ab", "c"], ["a", "b", "c"], ["ab", "", "c"]] {
            let frames = pieces.map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from_static(piece.as_bytes()))));
            assert_eq!(reader.read(StreamBody::new(stream::iter(frames))).await.unwrap().bytes, "abc", "{pieces:?}");
        }
        assert_eq!(reader.read(Full::new(Bytes::from_static(b"abc"))).await.unwrap().bytes, "abc");
    }

    #[tokio::test]
    async fn who_still_sends_what_is_refused_is_heard_out_but_not_for_ever() {
        let left_of = async |chunk: usize, count: usize| {
            let mut body = chunks(&vec![chunk; count]);
            assert_eq!(BodyReader::new(MAX).read(&mut body).await.unwrap_err(), BodyError::TooLong);
            body.collect().await.unwrap().to_bytes().len()
        };
        assert_eq!(left_of(MAX, 2).await, 0);
        assert_eq!(left_of(MAX, 12).await, 0);
        assert!(left_of(MAX, 40).await > 20 * MAX);
        let mut announced = Full::new(Bytes::from(vec![0; 2 * MAX]));
        assert_eq!(BodyReader::new(MAX).read(&mut announced).await.unwrap_err(), BodyError::TooLong);
        assert!(announced.is_end_stream());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let silent = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        assert_eq!(BodyReader::new(MAX).read(silent).await.unwrap_err(), BodyError::Late);
    }

    #[tokio::test]
    async fn all_bodies_together_hold_no_more_than_they_may_and_small_ones_are_always_read() {
        let reader = BodyReader::new(MAX);
        let mut held = Vec::new();
        let refused = loop {
            match reader.read(chunks(&[MAX / 2, MAX / 2])).await {
                Ok(body) => held.push(body),
                Err(error) => break error,
            }
            assert!(held.len() * (MAX - FREE) <= HELD);
        };
        assert_eq!(refused, BodyError::Busy);
        assert!((held.len() + 1) * (MAX - FREE) > HELD, "{} are far from all", held.len());
        let small = [0; 100].map(|_| FREE);
        for size in small {
            assert_eq!(reader.read(chunks(&[size])).await.unwrap().bytes.len(), size);
        }
        // One goes, another comes.
        held.pop();
        assert!(reader.read(chunks(&[MAX])).await.is_ok());
    }
}
