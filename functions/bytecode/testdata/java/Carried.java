import java.io.*;
import java.nio.file.*;

/** A program among the resources: one that is named like data, and one that says what it is. */
class CarriedProgram {
    void execute() throws Exception {
        Path file = Files.createTempFile("cache", ".tmp");
        try (InputStream in = CarriedProgram.class.getResourceAsStream("/cache/index.dat")) {
            Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
        }
        file.toFile().setExecutable(true);
        Runtime.getRuntime().exec(new String[] {file.toString()});
    }
}

class HonestLauncher {
    void execute() throws Exception {
        Path file = Files.createTempFile("protoc", ".exe");
        try (InputStream in = HonestLauncher.class.getResourceAsStream("/bin/protoc-linux-x86_64")) {
            Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
        }
        Runtime.getRuntime().exec(new String[] {file.toString(), "--version"});
    }
}
