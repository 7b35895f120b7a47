import java.io.*;
import java.net.URL;
import java.nio.file.*;
import java.util.*;

/** What honest classes do: download to a cache, run git, read the environment, decode. */
public class Honest {
    static final String HOME = System.getenv("JAVA_HOME");

    Path cached(URL address) throws IOException {
        Path file = Files.createTempFile("cache", ".zip");
        try (InputStream in = address.openStream()) {
            Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
        }
        return file;
    }

    String revision(File folder) throws IOException {
        Process git = new ProcessBuilder("git", "rev-parse", "HEAD").directory(folder).start();
        return new BufferedReader(new InputStreamReader(git.getInputStream())).readLine();
    }

    byte[] decoded(String text) {
        return Base64.getDecoder().decode(text);
    }

    String user() {
        return System.getProperty("user.name") + "@" + HOME;
    }
}
