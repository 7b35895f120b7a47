import java.util.Base64;

/** A class out of encoded text. */
public class DefineDecoded extends ClassLoader {
    Class<?> stage(String text) {
        byte[] bytes = Base64.getDecoder().decode(text);
        return defineClass(null, bytes, 0, bytes.length);
    }

    static void start() throws Exception {
        new DefineDecoded().stage("AAECAw==").newInstance();
    }
}
