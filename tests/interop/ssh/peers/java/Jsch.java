// SPDX-License-Identifier: Apache-2.0

import com.jcraft.jsch.Channel;
import com.jcraft.jsch.ChannelExec;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.JSchException;
import com.jcraft.jsch.JSchHostKeyException;
import com.jcraft.jsch.Session;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.locks.LockSupport;

/** An SSH client on JSch. */
final class Jsch {
    // ECHO (53) off, and the end of the modes.
    private static final byte[] MODES = {53, 0, 0, 0, 0, 0};
    private static final int LIMIT_MS = 20000;

    private Jsch() { }

    private static void configure(Session session, Options o) {
        set(session, o.kex, "kex");
        set(session, o.hostAlgorithms, "server_host_key");
        set(session, o.ciphers, "cipher.c2s", "cipher.s2c");
        set(session, o.macs, "mac.c2s", "mac.s2c");
        set(session, o.compression, "compression.c2s", "compression.s2c");
        set(session, o.userAlgorithms, "PubkeyAcceptedAlgorithms");
        session.setConfig("StrictHostKeyChecking", o.knownHosts == null ? "no" : "yes");
    }

    private static void set(Session session, String value, String... names) {
        if (value != null) {
            for (String name : names) {
                session.setConfig(name, value);
            }
        }
    }

    private static Session connect(Options o) throws Exception {
        JSch jsch = new JSch();
        if (o.knownHosts != null) {
            jsch.setKnownHosts(o.knownHosts.toString());
        }
        if (o.key != null) {
            jsch.addIdentity(o.key.toString(), o.certificate == null ? null : o.certificate.toString(), (byte[]) null);
        }
        Session session = jsch.getSession(o.user, o.host, o.port);
        configure(session, o);
        if (o.passwords != null) {
            session.setPassword(Options.lines(o.passwords).get(0).getBytes(StandardCharsets.UTF_8));
        }
        try {
            session.connect(LIMIT_MS);
        } catch (JSchHostKeyException error) {
            throw Options.fail("host key", error);
        } catch (JSchException error) {
            throw Options.fail(String.valueOf(error.getMessage()).startsWith("Auth") ? "denied" : "connect", error);
        }
        return session;
    }

    private static int run(Session session, Options o) throws Exception {
        ChannelExec channel = (ChannelExec) session.openChannel("exec");
        channel.setCommand(o.command);
        if (o.pty) {
            channel.setPty(true);
            channel.setPtyType("vt100", 80, 24, 0, 0);
            channel.setTerminalMode(MODES);
        }
        InputStream errors = channel.getExtInputStream();
        Thread shown = Options.start(() -> Options.copy(errors, System.err));
        talk(channel);
        shown.join();
        while (!channel.isClosed()) {
            Thread.sleep(1);
        }
        return channel.getExitStatus();
    }

    /** Until the other side has ended. */
    private static void talk(Channel channel) throws Exception {
        InputStream out = channel.getInputStream();
        OutputStream in = channel.getOutputStream();
        channel.connect(LIMIT_MS);
        Options.start(() -> {
            Options.copy(System.in, in);
            in.close();
        });
        Options.copy(out, System.out);
    }

    /** JSch wakes the thread that waits for a request's reply by an interrupt, which may come after it has seen the reply. */
    private static void waitForever() {
        while (true) {
            LockSupport.park();
            Thread.interrupted();
        }
    }

    static void client(Options o) throws Exception {
        Session session = connect(o);
        if (o.direct != null) {
            Options.Place to = Options.Place.of(o.direct);
            talk(session.getStreamForwarder(to.host(), to.port()));
            Options.end(0);
        } else if (o.remote != null) {
            String[] parts = o.remote.split(":", 2);
            Options.Place to = Options.Place.of(parts[1]);
            session.setPortForwardingR("127.0.0.1", Integer.parseInt(parts[0]), to.host(), to.port());
            waitForever();
        } else {
            Options.end(run(session, o));
        }
    }
}
