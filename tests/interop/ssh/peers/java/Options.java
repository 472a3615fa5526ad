// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The command line: that of examples/c/ssh_client and ssh_server; and what the peers share. */
final class Options {
    static final int FAILURE = 255;
    private static final int PIECE = 32768;

    int port;
    long rekey;
    String user;
    Path key;
    Path certificate;
    Path knownHosts;
    Path passwords;
    Path authorized;
    final List<Path> hostKeys = new ArrayList<>();
    String kex;
    String ciphers;
    String macs;
    String hostAlgorithms;
    String userAlgorithms;
    String compression;
    String direct;
    String remote;
    boolean forward;
    boolean pty;
    String host;
    String command;

    static Options parse(String[] words) {
        Options o = new Options();
        boolean check = true;
        int at = 1;
        for (; at < words.length && words[at].startsWith("-"); at++) {
            switch (words[at]) {
                case "-t" -> o.pty = true;
                case "-N" -> { }
                case "--allow-forward" -> o.forward = true;
                case "--host-key-check" -> check = !words[++at].equals("no");
                default -> o.set(words[at], words[++at]);
            }
        }
        if (at < words.length) {
            o.host = words[at];
            o.command = String.join(" ", List.of(words).subList(at + 1, words.length));
        }
        if (!check) {
            o.knownHosts = null;
        }
        return o;
    }

    private void set(String name, String value) {
        switch (name) {
            case "-p", "--port" -> port = Integer.parseInt(value);
            case "-l" -> user = value;
            case "-i" -> {
                key = Path.of(value);
                certificate = beside(key);
            }
            case "-W" -> direct = value;
            case "-R" -> remote = value;
            case "--known-hosts" -> knownHosts = Path.of(value);
            case "--password-file" -> passwords = Path.of(value);
            case "--authorized-keys" -> authorized = Path.of(value);
            case "--host-key" -> hostKeys.add(Path.of(value));
            case "--rekey-bytes" -> rekey = Long.parseLong(value);
            case "--kex" -> kex = value;
            case "--ciphers" -> ciphers = value;
            case "--macs" -> macs = value;
            case "--host-key-algorithms" -> hostAlgorithms = value;
            case "--user-key-algorithms" -> userAlgorithms = value;
            case "--compression" -> compression = value;
            default -> throw fail("usage", name);
        }
    }

    /** The certificate that lies beside a key, or null. */
    static Path beside(Path key) {
        Path path = Path.of(key + "-cert.pub");
        return Files.exists(path) ? path : null;
    }

    /** Never returns; for use in throw, so that the compiler knows. */
    static IllegalStateException fail(String what, Object why) {
        System.err.println(what + ": " + why);
        System.err.flush();
        Runtime.getRuntime().halt(FAILURE);
        return new IllegalStateException();
    }

    static void end(int status) {
        System.out.flush();
        System.err.flush();
        Runtime.getRuntime().halt(status);
    }

    static List<String> lines(Path path) throws IOException {
        return Files.readAllLines(path);
    }

    /** HOST:PORT */
    record Place(String host, int port) {
        static Place of(String text) {
            int at = text.lastIndexOf(':');
            return new Place(text.substring(0, at), Integer.parseInt(text.substring(at + 1)));
        }
    }

    interface Task {
        void run() throws Exception;
    }

    static Thread start(Task task) {
        Thread thread = new Thread(() -> {
            try {
                task.run();
            } catch (Exception error) {
                // An end that takes or gives no more; the other thread's end decides.
            }
        });
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    /** All of it, each piece at once. */
    static void copy(InputStream from, OutputStream to) throws Exception {
        byte[] piece = new byte[PIECE];
        int size;
        while ((size = from.read(piece)) >= 0) {
            to.write(piece, 0, size);
            to.flush();
        }
    }
}
