// SPDX-License-Identifier: Apache-2.0

/** SSH peers on JSch and on Apache MINA SSHD, with the command line of examples/c/ssh_client and ssh_server. */
public final class Peer {
    private Peer() { }

    public static void main(String[] words) {
        try {
            switch (words.length == 0 ? "" : words[0]) {
                case "jsch-client" -> Jsch.client(Options.parse(words));
                case "mina-client" -> Mina.client(Options.parse(words));
                case "mina-server" -> MinaServer.server(Options.parse(words));
                default -> Options.fail("usage", "jsch-client, mina-client or mina-server?");
            }
        } catch (Exception error) {
            Options.fail("connection", error);
        }
    }
}
