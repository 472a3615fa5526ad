// SPDX-License-Identifier: Apache-2.0

import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.apache.sshd.client.ClientBuilder;
import org.apache.sshd.client.SshClient;
import org.apache.sshd.client.auth.password.UserAuthPasswordFactory;
import org.apache.sshd.client.auth.pubkey.UserAuthPublicKeyFactory;
import org.apache.sshd.client.channel.ChannelDirectTcpip;
import org.apache.sshd.client.channel.ChannelExec;
import org.apache.sshd.client.channel.ClientChannelEvent;
import org.apache.sshd.client.config.hosts.HostConfigEntryResolver;
import org.apache.sshd.client.keyverifier.AcceptAllServerKeyVerifier;
import org.apache.sshd.client.keyverifier.KnownHostsServerKeyVerifier;
import org.apache.sshd.client.keyverifier.RejectAllServerKeyVerifier;
import org.apache.sshd.client.session.ClientSession;
import org.apache.sshd.common.NamedFactory;
import org.apache.sshd.common.SshException;
import org.apache.sshd.common.channel.PtyChannelConfiguration;
import org.apache.sshd.common.channel.PtyMode;
import org.apache.sshd.common.cipher.BuiltinCiphers;
import org.apache.sshd.common.compression.BuiltinCompressions;
import org.apache.sshd.common.config.keys.PublicKeyEntry;
import org.apache.sshd.common.helpers.AbstractFactoryManager;
import org.apache.sshd.common.kex.BuiltinDHFactories;
import org.apache.sshd.common.kex.DHFactory;
import org.apache.sshd.common.kex.KeyExchangeFactory;
import org.apache.sshd.common.keyprovider.FileKeyPairProvider;
import org.apache.sshd.common.keyprovider.KeyIdentityProvider;
import org.apache.sshd.common.mac.BuiltinMacs;
import org.apache.sshd.common.signature.BuiltinSignatures;
import org.apache.sshd.common.signature.Signature;
import org.apache.sshd.common.util.net.SshdSocketAddress;
import org.apache.sshd.core.CoreModuleProperties;
import org.apache.sshd.server.forward.AcceptAllForwardingFilter;

/** An SSH client on Apache MINA SSHD, and what its server shares with it. */
final class Mina {
    private static final String CERTIFIED = "-cert-v01@openssh.com";
    private static final String AUTHORITY = "ssh-ed25519";

    private Mina() { }

    private static <T> List<T> named(String names, Function<String, T> find) {
        List<T> found = new ArrayList<>();
        for (String name : names.split(",")) {
            T one = find.apply(name);
            if (one == null) {
                throw Options.fail("unknown", name);
            }
            found.add(one);
        }
        return found;
    }

    /** With a certificate's algorithm, what signs by the key in it, and what its authority signed it with. */
    static List<NamedFactory<Signature>> signatures(String names) {
        Set<String> all = new LinkedHashSet<>(List.of(names.split(",")));
        if (names.contains(CERTIFIED)) {
            all.addAll(List.of(names.replace(CERTIFIED, "").split(",")));
            all.add(AUTHORITY);
        }
        return named(String.join(",", all), BuiltinSignatures::fromFactoryName);
    }

    /** All that the library has, beyond what it offers of itself, where no list is given. */
    static void configure(AbstractFactoryManager manager, Options o, Function<DHFactory, KeyExchangeFactory> exchange) {
        if (o.kex != null) {
            manager.setKeyExchangeFactories(
                    named(o.kex, name -> exchange.apply(BuiltinDHFactories.fromFactoryName(name))));
        }
        if (o.ciphers != null) {
            manager.setCipherFactories(named(o.ciphers, BuiltinCiphers::fromFactoryName));
        }
        if (o.macs != null) {
            manager.setMacFactories(named(o.macs, BuiltinMacs::fromFactoryName));
        }
        if (o.compression != null) {
            manager.setCompressionFactories(named(o.compression, BuiltinCompressions::fromFactoryName));
        }
        if (o.hostAlgorithms != null) {
            manager.setSignatureFactories(signatures(o.hostAlgorithms));
        }
        if (o.rekey > 0) {
            CoreModuleProperties.REKEY_BYTES_LIMIT.set(manager, o.rekey);
        }
    }

    private static List<NamedFactory<Signature>> userSignatures(Options o) {
        return o.userAlgorithms == null ? null : signatures(o.userAlgorithms);
    }

    static PublicKey publicKey(String line) throws Exception {
        return PublicKeyEntry.parsePublicKeyEntry(line).resolvePublicKey(null, null, null);
    }

    private static KeyPair load(Path path, Path certificate) throws Exception {
        KeyPair pair = new FileKeyPairProvider(path).loadKeys(null).iterator().next();
        return certificate == null ? pair
                : new KeyPair(publicKey(Options.lines(certificate).get(0)), pair.getPrivate());
    }

    private static ClientSession connect(SshClient client, Options o) throws Exception {
        configure(client, o, ClientBuilder.DH2KEX);
        client.setHostConfigEntryResolver(HostConfigEntryResolver.EMPTY);
        client.setKeyIdentityProvider(KeyIdentityProvider.EMPTY_KEYS_PROVIDER);
        client.setForwardingFilter(AcceptAllForwardingFilter.INSTANCE);
        client.setUserAuthFactories(List.of(
                new UserAuthPublicKeyFactory(userSignatures(o)), UserAuthPasswordFactory.INSTANCE));
        client.setServerKeyVerifier(o.knownHosts == null ? AcceptAllServerKeyVerifier.INSTANCE
                : new KnownHostsServerKeyVerifier(RejectAllServerKeyVerifier.INSTANCE, o.knownHosts));
        client.start();
        ClientSession session = client.connect(o.user, o.host, o.port).verify().getSession();
        if (o.key != null) {
            session.addPublicKeyIdentity(load(o.key, o.certificate));
        }
        if (o.passwords != null) {
            session.addPasswordIdentity(Options.lines(o.passwords).get(0));
        }
        try {
            session.auth().verify();
        } catch (SshException error) {
            String text = String.valueOf(error.getMessage());
            throw Options.fail(text.contains("Server key") ? "host key" : text.contains("authentication methods")
                    ? "denied" : "connect", error);
        }
        return session;
    }

    private static int run(ClientSession session, Options o) throws Exception {
        PtyChannelConfiguration terminal = new PtyChannelConfiguration();
        terminal.setPtyType("vt100");
        terminal.setPtyColumns(80);
        terminal.setPtyLines(24);
        terminal.setPtyModes(Map.of(PtyMode.ECHO, 0));
        ChannelExec channel = session.createExecChannel(o.command, terminal, null);
        channel.setUsePty(o.pty);
        channel.setOut(System.out);
        channel.setErr(System.err);
        channel.open().verify();
        OutputStream in = channel.getInvertedIn();
        Options.start(() -> {
            Options.copy(System.in, in);
            in.close();
        });
        channel.waitFor(EnumSet.of(ClientChannelEvent.CLOSED), 0L);
        Integer status = channel.getExitStatus();
        return status == null ? Options.FAILURE : status;
    }

    private static SshdSocketAddress address(String text) {
        Options.Place place = Options.Place.of(text);
        return new SshdSocketAddress(place.host(), place.port());
    }

    private static void relay(ClientSession session, String target) throws Exception {
        ChannelDirectTcpip channel = session.createDirectTcpipChannel(
                new SshdSocketAddress("127.0.0.1", 0), address(target));
        channel.open().verify();
        OutputStream in = channel.getInvertedIn();
        InputStream out = channel.getInvertedOut();
        Options.start(() -> {
            Options.copy(System.in, in);
            in.close();
        });
        Options.copy(out, System.out);
    }

    static void client(Options o) throws Exception {
        ClientSession session = connect(SshClient.setUpDefaultClient(), o);
        if (o.direct != null) {
            relay(session, o.direct);
            Options.end(0);
        } else if (o.remote != null) {
            String[] parts = o.remote.split(":", 2);
            session.startRemotePortForwarding(
                    new SshdSocketAddress("127.0.0.1", Integer.parseInt(parts[0])), address(parts[1]));
            session.waitFor(EnumSet.of(ClientSession.ClientSessionEvent.CLOSED), 0L);
        } else {
            Options.end(run(session, o));
        }
    }
}
