// SPDX-License-Identifier: Apache-2.0

import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.apache.sshd.common.config.keys.KeyUtils;
import org.apache.sshd.common.config.keys.OpenSshCertificate;
import org.apache.sshd.common.keyprovider.FileHostKeyCertificateProvider;
import org.apache.sshd.common.keyprovider.FileKeyPairProvider;
import org.apache.sshd.server.Environment;
import org.apache.sshd.server.ExitCallback;
import org.apache.sshd.server.ServerBuilder;
import org.apache.sshd.server.SshServer;
import org.apache.sshd.server.auth.UserAuthFactory;
import org.apache.sshd.server.auth.password.UserAuthPasswordFactory;
import org.apache.sshd.server.auth.pubkey.UserAuthPublicKeyFactory;
import org.apache.sshd.server.channel.ChannelSession;
import org.apache.sshd.server.command.Command;
import org.apache.sshd.server.forward.AcceptAllForwardingFilter;
import org.apache.sshd.server.forward.RejectAllForwardingFilter;

/** An SSH server on Apache MINA SSHD. */
final class MinaServer {
    private static final String AUTHORITY = "cert-authority ";

    private MinaServer() { }

    /** A command for the shell, in a terminal if one was asked for. */
    private static final class Execution implements Command {
        private final String text;
        private InputStream input;
        private OutputStream output;
        private OutputStream errors;
        private ExitCallback exit;
        private Process child;

        Execution(String text) {
            this.text = text;
        }

        @Override
        public void setInputStream(InputStream stream) {
            input = stream;
        }

        @Override
        public void setOutputStream(OutputStream stream) {
            output = stream;
        }

        @Override
        public void setErrorStream(OutputStream stream) {
            errors = stream;
        }

        @Override
        public void setExitCallback(ExitCallback callback) {
            exit = callback;
        }

        @Override
        public void start(ChannelSession channel, Environment environment) throws java.io.IOException {
            var given = environment.getEnv();
            List<String> words = given.containsKey(Environment.ENV_TERM)
                    ? List.of("script", "-qec", "stty rows " + given.get(Environment.ENV_LINES) + " cols "
                            + given.get(Environment.ENV_COLUMNS) + "; " + text, "/dev/null")
                    : List.of("sh", "-c", text);
            child = new ProcessBuilder(words).start();
            OutputStream in = child.getOutputStream();
            Options.start(() -> {
                try {
                    Options.copy(input, in);
                } finally {
                    in.close();
                }
            });
            Thread out = Options.start(() -> Options.copy(child.getInputStream(), output));
            Thread err = Options.start(() -> Options.copy(child.getErrorStream(), errors));
            Options.start(() -> {
                out.join();
                err.join();
                exit.onExit(child.waitFor());
            });
        }

        @Override
        public void destroy(ChannelSession channel) {
            child.destroy();
        }
    }

    private static boolean has(List<PublicKey> keys, PublicKey key) {
        return keys.stream().anyMatch(known -> KeyUtils.compareKeys(known, key));
    }

    private static void trust(SshServer server, Options o) throws Exception {
        List<UserAuthFactory> methods = new ArrayList<>();
        if (o.authorized != null) {
            List<PublicKey> keys = new ArrayList<>();
            List<PublicKey> authorities = new ArrayList<>();
            for (String line : Options.lines(o.authorized)) {
                if (line.startsWith(AUTHORITY)) {
                    authorities.add(Mina.publicKey(line.substring(AUTHORITY.length())));
                } else {
                    keys.add(Mina.publicKey(line));
                }
            }
            server.setPublickeyAuthenticator((user, key, session) -> key instanceof OpenSshCertificate certificate
                    ? has(authorities, certificate.getCaPubKey()) && certificate.getPrincipals().contains(user)
                    : has(keys, key));
            methods.add(new UserAuthPublicKeyFactory(
                    o.userAlgorithms == null ? null : Mina.signatures(o.userAlgorithms)));
        }
        if (o.passwords != null) {
            List<String> known = Options.lines(o.passwords);
            server.setPasswordAuthenticator((user, password, session) -> known.contains(user + ":" + password));
            methods.add(UserAuthPasswordFactory.INSTANCE);
        }
        server.setUserAuthFactories(methods);
    }

    static void server(Options o) throws Exception {
        SshServer server = SshServer.setUpDefaultServer();
        Mina.configure(server, o, ServerBuilder.DH2KEX);
        server.setHost("127.0.0.1");
        server.setPort(o.port);
        server.setKeyPairProvider(new FileKeyPairProvider(o.hostKeys));
        List<Path> certificates = o.hostKeys.stream().map(Options::beside).filter(Objects::nonNull).toList();
        if (!certificates.isEmpty()) {
            server.setHostKeyCertificateProvider(new FileHostKeyCertificateProvider(certificates));
        }
        trust(server, o);
        server.setForwardingFilter(
                o.forward ? AcceptAllForwardingFilter.INSTANCE : RejectAllForwardingFilter.INSTANCE);
        server.setCommandFactory((channel, text) -> new Execution(text));
        server.start();
        System.out.println("listening on 127.0.0.1:" + server.getPort());
        System.out.flush();
        Thread.currentThread().join();
    }
}
