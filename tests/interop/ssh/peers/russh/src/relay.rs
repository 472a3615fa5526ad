// SPDX-License-Identifier: Apache-2.0

//! Bytes from and to a channel.

use russh::{ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// What comes on the channel goes to out and err, until it has ended; gives the exit status, if one came.
/// An output that takes no more loses the rest, so that the channel does not stall.
pub async fn from_channel(
    channel: &mut ChannelReadHalf,
    mut out: impl AsyncWrite + Unpin,
    mut err: impl AsyncWrite + Unpin,
    to_close: bool,
) -> Option<u32> {
    let mut status = None;
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                let _ = out.write_all(&data).await;
                let _ = out.flush().await;
            }
            ChannelMsg::ExtendedData { data, .. } => {
                let _ = err.write_all(&data).await;
                let _ = err.flush().await;
            }
            ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
            ChannelMsg::Eof if !to_close => break,
            ChannelMsg::Close => break,
            _ => (),
        }
    }
    let _ = out.shutdown().await;
    status
}

pub async fn to_channel<S>(input: impl AsyncRead + Unpin, channel: &ChannelWriteHalf<S>)
where
    S: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    let _ = channel.data(input).await;
    let _ = channel.eof().await;
}

/// Both ways until both have ended.
pub async fn join<S>(mut read: ChannelReadHalf, write: ChannelWriteHalf<S>, wire: TcpStream)
where
    S: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    let (wire_read, wire_write) = wire.into_split();
    tokio::join!(
        from_channel(&mut read, wire_write, tokio::io::sink(), false),
        to_channel(wire_read, &write),
    );
    let _ = write.close().await;
}
